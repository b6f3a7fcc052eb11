// Programs that use connect-web and grpc-web as pages do, through Node's fetch and an XMLHttpRequest. They know nothing of voicebox
// but its descriptor set; the last line is JSON for the test.
import fs from "node:fs";
import { createFileRegistry, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import xhr2 from "xhr2";

globalThis.XMLHttpRequest = xhr2.XMLHttpRequest ?? xhr2;
const { default: grpcWeb } = await import("grpc-web");

const [baseUrl, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, fs.readFileSync(descriptors)));
const service = registry.getService("voicebox.tts.v1.TextToSpeechService");
const told = {};

const client = createClient(service, createGrpcWebTransport({ baseUrl }));
told.connectVoices = (await client.listVoices({})).voices.map((voice) => voice.name);
told.connectEvents = [];
for await (const event of client.streamSynthesize({ text: "hello" })) told.connectEvents.push(event.event.case);
try {
  for await (const _ of client.streamSynthesize({ text: "missing" }));
} catch (error) {
  told.connectError = [error instanceof ConnectError, error.code, error.rawMessage];
}

function described(method) {
  const { input, output, typeName } = { input: method.input, output: method.output, typeName: method.parent.typeName };
  const kind = method.methodKind === "unary" ? grpcWeb.MethodType.UNARY : grpcWeb.MethodType.SERVER_STREAMING;
  return new grpcWeb.MethodDescriptor(
    `/${typeName}/${method.name}`, kind, Object, Object,
    (message) => toBinary(input, create(input, message)), (bytes) => fromBinary(output, bytes),
  );
}

for (const format of ["text", "binary"]) {
  const base = new grpcWeb.GrpcWebClientBase({ format });
  const list = described(service.method.listVoices);
  const answer = await new Promise((resolve, reject) => {
    base.rpcCall(baseUrl + list.getName(), {}, {}, list, (error, value) => (error ? reject(error) : resolve(value)));
  });
  told[`${format}Voices`] = answer.voices.map((voice) => voice.name);
}
const base = new grpcWeb.GrpcWebClientBase({ format: "text" });
const play = described(service.method.streamSynthesize);
const listen = (text) => new Promise((resolve) => {
  const events = [];
  const stream = base.serverStreaming(baseUrl + play.getName(), { text }, {}, play);
  stream.on("data", (event) => events.push(event.event.case));
  stream.on("error", (error) => resolve([error.code, error.message]));
  stream.on("end", () => resolve(events));
});
told.webEvents = await listen("hello");
told.webError = await listen("missing");
console.log(JSON.stringify(told));
process.exit(0);
