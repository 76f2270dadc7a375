// Keys go to the terminal from the start, without a click on it first.
"use strict";
new MutationObserver((changes, watching) => {
  const keys = document.querySelector(".xterm-helper-textarea");
  if (keys && document.body.classList.contains("-loaded")) {
    watching.disconnect();
    keys.focus();
  }
}).observe(document.body, { attributes: true });
