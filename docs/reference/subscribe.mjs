// Prints the title and topics of each finished article: `node subscribe.mjs ADDRESS GROUP [START]`.
// ADDRESS is a unix socket such as coranto-data/redis.sock, or HOST:PORT. START is where a new group begins: `$` (from now
// on, the default), `0` (the oldest event kept), or a time in Unix milliseconds. Node.js 18 or newer, nothing to install.
import { createConnection } from "node:net";
import { hostname } from "node:os";

const [address, group, start = "$"] = process.argv.slice(2);
const stream = "coranto:{p0}:finished";
const consumer = `${hostname()}-${process.pid}`;
const claimAfterMs = 30_000;

class Redis {
  #bytes = Buffer.alloc(0);
  #waiting = [];

  constructor(address) {
    const [, host, port] = /^([^/]+):(\d+)$/.exec(address) ?? [];
    this.socket = port ? createConnection(Number(port), host) : createConnection(address);
    this.socket.on("data", (chunk) => this.#take(chunk));
    this.socket.on("error", (error) => this.#fail(error));
    this.socket.on("close", () => this.#fail(new Error("Redis closed the connection")));
  }

  command(...words) {
    const bulks = words.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`);
    this.socket.write(`*${words.length}\r\n${bulks.join("")}`);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #take(chunk) {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (let answer; (answer = read(this.#bytes, 0)); this.#bytes = this.#bytes.subarray(answer.end)) {
      const { resolve, reject } = this.#waiting.shift();
      (answer.value instanceof Error ? reject : resolve)(answer.value);
    }
  }

  #fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** The RESP value at `at` and where it ends; undefined while some of it is still on its way. */
function read(bytes, at) {
  const newline = bytes.indexOf("\r\n", at);
  if (newline < 0) return undefined;
  const [kind, text, end] = [String.fromCharCode(bytes[at]), bytes.toString("utf8", at + 1, newline), newline + 2];
  if (kind === "+") return { value: text, end };
  if (kind === "-") return { value: new Error(text), end };
  const number = Number(text);
  if (kind === ":") return { value: number, end };
  if (number < 0) return { value: null, end };
  if (kind === "$") {
    const value = bytes.toString("utf8", end, end + number);
    return bytes.length < end + number + 2 ? undefined : { value, end: end + number + 2 };
  }
  const items = { value: [], end };
  for (let item; items.value.length < number; items.value.push(item.value), items.end = item.end) {
    if ((item = read(bytes, items.end)) === undefined) return undefined;
  }
  return items;
}

const redis = new Redis(address);
await redis.command("XGROUP", "CREATE", stream, group, start, "MKSTREAM").catch((error) => {
  if (!error.message.startsWith("BUSYGROUP")) throw error; // the group is known: go on where it stopped
});
for (;;) {
  // First what a sibling held that died, then what is new. Redis 6.2 gives null for an entry that is gone.
  const [, held] = await redis.command("XAUTOCLAIM", stream, group, consumer, claimAfterMs, "0-0", "COUNT", 10);
  const wanted = ["GROUP", group, consumer, "COUNT", 10, "BLOCK", 5000, "STREAMS", stream, ">"];
  const found = held.some(Boolean) ? held : (await redis.command("XREADGROUP", ...wanted))?.[0][1];
  for (const [id, fields] of (found ?? []).filter(Boolean)) {
    const { data: article } = JSON.parse(fields[fields.indexOf("event") + 1]);
    const topics = (article.classification.topics ?? []).map((topic) => topic.name).join(", ");
    console.log([article.id, article.content.title ?? "(no title)", topics].join("\t"));
    await redis.command("XACK", stream, group, id); // after the work: what is not acknowledged comes again
  }
}
