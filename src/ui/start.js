// Has the browser paint the frame of the page before it loads what the first page needs, all of that at once.

const FIRST = ["app", "api", "commands", "dom", "format", "widgets", "queues", "manage"];

// The second frame begins when the first one has been handed over: what is loaded then does not delay it.
requestAnimationFrame(() =>
  requestAnimationFrame(() => setTimeout(() => FIRST.forEach((file) => import(`./${file}.js`)))),
);
