// Calls the Artos API with fetch (Node.js 20 or newer).
//
//   ARTOS_TOKEN_FILE=token.jwt node client.mjs /api/v1/templates/
//
// ARTOS_TOKEN_FILE     a file with the token, read again for every attempt, so that a rotated token is used at once
// ARTOS_TOKEN          the token itself, if there is no file
// ARTOS_API_URL        the API; https, or http on loopback
// NODE_EXTRA_CA_CERTS  a CA certificate to trust in addition to the system's (Node.js reads it)
//
// Exit status: 0 done; 2 usage; 3 no token was sent; 4 the token is not accepted; 5 not allowed; 1 anything else.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const RETRIED = new Set([429, 502, 503, 504]);

/** An answer that is not a success. Its text never contains the token. */
class ApiError extends Error {
  constructor(message, exitStatus) {
    super(message);
    this.exitStatus = exitStatus;
  }
}

/** The current token. */
async function readToken() {
  const { ARTOS_TOKEN_FILE: file, ARTOS_TOKEN: token = "" } = process.env;
  return (file ? await readFile(file, "ascii") : token).trim();
}

/** The body of a GET. A GET changes nothing, so it is repeated after a temporary error. */
async function get(base, path) {
  const url = new URL(base);
  if (url.protocol !== "https:" && !["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)) {
    throw new ApiError("ARTOS_API_URL must begin with https://", 2);
  }
  let token = await readToken();
  for (let attempt = 1; ; attempt++) {
    let answer;
    try {
      answer = await fetch(base.replace(/\/$/, "") + path, {
        headers: token ? { Authorization: `Bearer ${token}` } : {},
        redirect: "manual", // the token goes to this host alone
        signal: AbortSignal.timeout(10_000),
      });
    } catch {
      if (attempt === 3) throw new ApiError("no answer", 1);
      await sleep(attempt * 1000);
      continue;
    }
    if (answer.status === 401 && attempt < 3) {
      const renewed = await readToken();
      if (renewed !== token) {
        token = renewed;
        continue;
      }
    }
    if (RETRIED.has(answer.status) && attempt < 3) {
      const wait = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
      await sleep((Number.isNaN(wait) ? attempt : Math.min(wait, 60)) * 1000);
      continue;
    }
    return body(answer);
  }
}

/** The body, or the error for the status. */
async function body(answer) {
  const text = await answer.text();
  if (answer.ok) return text;
  let detail = "";
  try {
    detail = String(JSON.parse(text).detail ?? "");
  } catch {
    // Not an answer of the API.
  }
  if (answer.status === 401 && detail === "Not authenticated") {
    throw new ApiError(`401 ${detail}: no token was sent; set ARTOS_TOKEN_FILE`, 3);
  }
  if (answer.status === 401) {
    throw new ApiError(`401 ${detail}: get a new token from your organization's administrator`, 4);
  }
  if (answer.status === 403) {
    throw new ApiError(`403 ${detail}: the token is good, but not for this; ask your organization's administrator`, 5);
  }
  throw new ApiError(`HTTP ${answer.status}`, 1);
}

if (process.argv.length !== 3) {
  console.error("usage: client.mjs PATH");
  process.exitCode = 2;
} else {
  try {
    console.log(await get(process.env.ARTOS_API_URL ?? "https://api.artosai.com", process.argv[2]));
  } catch (error) {
    console.error(error instanceof ApiError ? error.message : "the token cannot be read");
    process.exitCode = error.exitStatus ?? 1;
  }
}
