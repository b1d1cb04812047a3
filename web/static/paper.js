// A page that is there to be printed: it asks the printer once it is drawn.
addEventListener("load", () => print());
