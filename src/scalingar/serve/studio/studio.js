// A click on a picture shows the entropy over all pictures, or hides it; frames that follow keep it so.
if (!window.studioListens) {
  window.studioListens = true; // the page may run this more than once
  document.addEventListener("click", (event) => {
    if (event.target.closest("button.studio-picture")) document.body.classList.toggle("studio-entropy");
  });
}
