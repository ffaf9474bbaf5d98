// Shows the job as it is now, but never under the eyes of someone who reads: not while a task is open, text is selected,
// or the page is in the background.
setInterval(() => {
  const isReading = document.querySelector("details[open]") || !getSelection().isCollapsed;
  if (!isReading && !document.hidden) location.reload();
}, 10000);
