// Sends samples to Afterglow and follows signals live. No dependencies; the same in browsers and in Node 20 or later.

export { Publisher } from "./publisher.js";
export { subscribe } from "./subscribe.js";
