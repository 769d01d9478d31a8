// Asks for what the program needs first while the program is on its way; src/edge/ahead.rs takes what there is.
const [, view, board] = location.pathname.split("/");
const answers = new Map();
let socket;
let heard = [];

window.ahead = { answer, open };

// The pages of accounts, and boards that are shown by a link, ask for themselves.
if (["", "boards", "alerts", "ingest"].includes(view) && !new URLSearchParams(location.search).has("share")) {
  const { protocol, host } = location;
  socket = new WebSocket(`${protocol === "https:" ? "wss" : "ws"}://${host}/ws`, "afterglow.v1");
  socket.binaryType = "arraybuffer";
  socket.onmessage = (message) => heard.push(message);
  ask("/api/signals?details=1");
  // Only then: the revision tells whether an answer is of before a change.
  ask("/api/revision").then(documents);
}

function documents() {
  const given = new URLSearchParams(location.search);
  ask("/api/signals?metadata=1");
  if (view === "boards" && board) ask(`/api/boards/${encodeURIComponent(board)}`);
  if (!given.has("panel") && !given.has("kiosk")) ask("/api/boards");
  ask("/api/alerts");
  ask("/api/rules?limit=1000");
}

function ask(address) {
  const answer = fetch(address);
  answers.set(address, answer);
  // The program hears of a failure when it asks, and asks again.
  return answer.catch(() => {});
}

/** What was answered to GET `address`, or will be; once. */
function answer(address) {
  const known = answers.get(address);
  answers.delete(address);
  return known;
}

/** The socket, once, unless it is closed. What it has received so far comes when the caller has ended. */
function open() {
  const opened = socket;
  socket = undefined;
  if (!opened || opened.readyState > WebSocket.OPEN) return;
  queueMicrotask(() => {
    for (const message of heard) opened.onmessage?.(message);
    heard = undefined;
  });
  return opened;
}
