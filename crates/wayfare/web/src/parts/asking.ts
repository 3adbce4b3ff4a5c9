// In which order the page's questions are asked. The server answers a few at a time; were all of them sent at once, a list of
// choices could keep the numbers of the page waiting.

/** What an answer is for: the page's content, what goes with it, or what there is to choose from. */
export type Purpose = "content" | "beside" | "choices";

const ORDER: Purpose[] = ["content", "beside", "choices"];

/** Questions under way at once. A question may use every core of the server, so more would only slow each other down. */
const AT_ONCE_MAX = 2;

interface Waiting {
  purpose: Purpose;
  ask: () => Promise<void>;
}

let waiting: Waiting[] = [];
let underWay = 0;
let isPumping = false;

/**
 * Asks when it is the question's turn: content first, in the order of the page. A question whose signal is aborted before gives
 * way.
 */
export function inTurn<T>(purpose: Purpose, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const entry: Waiting = {
      purpose,
      ask: () => (signal.aborted ? Promise.reject(signal.reason) : ask()).then(resolve, reject),
    };
    signal.addEventListener("abort", () => {
      if (!waiting.includes(entry)) return;
      waiting = waiting.filter((other) => other !== entry);
      reject(signal.reason);
    });
    waiting.push(entry);
    pump();
  });
}

/** Sends what may be sent, when all that one change of the page asks for is known. */
function pump(): void {
  if (isPumping) return;
  isPumping = true;
  setTimeout(() => {
    isPumping = false;
    while (underWay < AT_ONCE_MAX && waiting.length > 0) {
      const rank = (entry: Waiting) => ORDER.indexOf(entry.purpose);
      const next = waiting.reduce((first, entry) => (rank(entry) < rank(first) ? entry : first));
      waiting = waiting.filter((other) => other !== next);
      underWay += 1;
      next.ask().finally(() => {
        underWay -= 1;
        pump();
      });
    }
  });
}
