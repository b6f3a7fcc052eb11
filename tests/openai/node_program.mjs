// A program that uses openai-node and Vercel's AI SDK as their users do: speech, then its transcription in every order and form.
// It knows nothing of voicebox; its last line is JSON for the test.
import fs from "node:fs";
import OpenAI from "openai";
import { createOpenAI } from "@ai-sdk/openai";
import { experimental_generateSpeech as generateSpeech, experimental_transcribe as transcribe } from "ai";

const [baseURL, folder] = process.argv.slice(2);
const text = "The old man walked slowly to the market.";
const told = {};

const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
const speech = await client.audio.speech.create({
  model: "gpt-4o-mini-tts", voice: "coral", input: text, instructions: "Speak in a cheerful and positive tone.",
});
const path = `${folder}/node.mp3`;
fs.writeFileSync(path, Buffer.from(await speech.arrayBuffer()));
told.ignored = speech.headers.get("x-voicebox-ignored");
told.size = fs.statSync(path).size;

const plain = await client.audio.transcriptions.create({ file: fs.createReadStream(path), model: "gpt-4o-transcribe" });
told.text = plain.text;

const events = [];
const stream = await client.audio.transcriptions.create({
  file: fs.createReadStream(path), model: "gpt-4o-mini-transcribe", response_format: "text", stream: true,
});
for await (const event of stream) events.push(event);
told.events = events.map((event) => event.type);
told.streamed = events.filter((event) => event.type === "transcript.text.delta").map((event) => event.delta).join("");
told.done = events.at(-1).text;

const verbose = await client.audio.transcriptions.create({
  file: fs.createReadStream(path), model: "whisper-1", response_format: "verbose_json", timestamp_granularities: ["word", "segment"],
});
told.words = verbose.words.length;
told.segments = verbose.segments.length;
told.srt = await client.audio.transcriptions.create({ file: fs.createReadStream(path), model: "whisper-1", response_format: "srt" });
told.models = (await client.models.list()).data.map((model) => model.id);
try {
  await client.audio.speech.create({ model: "tts-1", voice: "nobody", input: text });
} catch (error) {
  told.error = [error.constructor.name, error.status, error.param];
}

const openai = createOpenAI({ baseURL, apiKey: "none" });
const spoken = await generateSpeech({
  model: openai.speech("gpt-4o-mini-tts"), text, voice: "alloy", outputFormat: "wav", instructions: "Slowly.", language: "en",
});
told.vercelType = spoken.audio.mediaType;
told.vercelSize = spoken.audio.uint8Array.length;
const heard = await transcribe({
  model: openai.transcription("whisper-1"), audio: spoken.audio.uint8Array,
  providerOptions: { openai: { timestampGranularities: ["word"], language: "en", temperature: 0.2, prompt: "A market." } },
});
told.vercelText = heard.text;
told.vercelSegments = heard.segments.length;
const whole = await transcribe({ model: openai.transcription("gpt-4o-transcribe"), audio: spoken.audio.uint8Array });
told.vercelWhole = whole.text;
console.log(JSON.stringify(told));
