// A program that uses OpenAI's agents-realtime over a WebSocket as its users do. It knows nothing of voicebox.
// The session's settings, instructions included, are sent by the SDK; a message of the user is spoken, and interrupted.
import { RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";

const [url] = process.argv.slice(2);
const agent = new RealtimeAgent({ name: "Greeter", instructions: "You greet people in the voice of a pirate." });
const session = new RealtimeSession(agent, {
  transport: "websocket", model: "gpt-realtime-2.1",
  config: { audio: { input: { noiseReduction: { type: "near_field" } }, output: { voice: "marin" } } },
});
const told = { errors: [], bytes: 0, events: [] };
session.on("error", (error) => told.errors.push(JSON.stringify(error)));
session.on("audio", (event) => { told.bytes += event.data.byteLength; });
session.transport.on("*", (event) => told.events.push(event.type));

function event(name) {
  return new Promise((resolve) => {
    session.transport.on("*", (each) => { if (each.type === name) resolve(each); });
  });
}

await session.connect({ apiKey: "ek_none", url });
const done = event("response.done");
session.sendMessage("Hello there, this is spoken.");
told.status = (await done).response.status;
told.usage = session.usage.totalTokens;
told.spoken = told.bytes;

const begun = event("response.output_audio.delta");
const interrupted = event("response.done");
session.sendMessage("This is a long text that is interrupted. ".repeat(60));
await begun;
session.interrupt();
told.interrupted = (await interrupted).response.status;
told.history = session.history.length;
session.close();
console.log(JSON.stringify(told));
process.exit(0);
