// Asks for one message through the vendor's TypeScript SDK and prints, as one line of JSON, what the
// SDK makes of the answer. Usage: node messages.mjs create|final|loop, with SDK (path of its module),
// ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY, MODEL and RETRIES in the environment.
const { default: Anthropic } = await import(process.env.SDK);

const client = new Anthropic({ maxRetries: Number(process.env.RETRIES ?? 0), timeout: 5_000 });
const question = {
  model: process.env.MODEL,
  max_tokens: 1024,
  messages: [{ role: "user", content: "Say OK." }],
};

const ways = {
  // One document.
  async create() {
    const message = await client.messages.create(question);
    return { text: message.content.map((block) => block.text ?? "").join(""), stop: message.stop_reason };
  },
  // A stream, to its whole text.
  async final() {
    return { text: await client.messages.stream(question).finalText() };
  },
  // A stream, event by event.
  async loop() {
    let text = "";
    const types = [];
    for await (const event of await client.messages.create({ ...question, stream: true })) {
      types.push(event.type);
      text += event.delta?.text ?? "";
    }
    return { text, last: types.at(-1) };
  },
};

let said;
try {
  said = await ways[process.argv[2]]();
} catch (error) {
  said = {
    error: error.constructor.name,
    status: error.status ?? null,
    type: error.type ?? error.error?.error?.type ?? null,
    id: error.requestID ?? null,
    message: String(error.message).slice(0, 200),
  };
}
console.log(JSON.stringify(said));
