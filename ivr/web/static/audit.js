// The trail is judged to its end without a click for each piece. Who does not want that leaves the page.
"use strict";

const goOn = document.querySelector("[data-go-on]");
if (goOn) {
  const told = document.querySelector("[data-by-itself]");
  if (told) told.hidden = false;
  setTimeout(() => goOn.requestSubmit(), 1500);
}
