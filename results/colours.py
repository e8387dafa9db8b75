"""The colours of pictures and of the page.

Okabe and Ito, "Color Universal Design": told apart with any common kind of colour blindness. Their yellow is left out,
which is hardly seen on white.
"""

BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
BLACK = "#000000"
