// kafkajs. It has gzip itself, and takes any other codec from whoever brings it. The packages made for it for lz4 and zstd
// are compiled on each machine; these are not.
"use strict";

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require("kafkajs");
const lz4 = require("lz4-napi");
const zstd = require("@bokuweb/zstd-wasm");

const ready = zstd.init();

CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: async (buffer) => lz4.decompressFrame(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => (await ready, Buffer.from(zstd.compress(encoder.buffer))),
  decompress: async (buffer) => (await ready, Buffer.from(zstd.decompress(buffer))),
});

const CODECS = {
  none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const PARTITIONS = 3;
const RECORDS = 300;
const FIRST_TIME = 1700000000000;
const SOUGHT = FIRST_TIME + 150000;

function* records() {
  for (let i = 0; i < RECORDS; i++) {
    yield {
      partition: i % PARTITIONS,
      key: i % 14 === 0 ? null : `key-${i}`,
      value: i % 22 === 11 ? null : `value-${i}-${"x".repeat(i % 50)}`,
      headers: i % 2 === 0 ? { h: `${i}`, empty: "" } : {},
      timestamp: String(FIRST_TIME + i * 1000),
    };
  }
}

const shown = (data) => (data === null ? "null" : data.toString("hex") || "empty");

function line(partition, message) {
  const told = Object.entries(message.headers).map(([name, data]) => `${name}=${Buffer.from(data).toString("hex")}`);
  return `${partition} ${message.offset} ${message.timestamp} ${shown(message.key)} ${shown(message.value)} ${told.join(",")}`;
}

async function scenario(kafka, prefix) {
  const admin = kafka.admin();
  await admin.connect();
  const topics = Object.keys(CODECS).map((codec) => `${prefix}-${codec}`);
  await admin.createTopics({ waitForLeaders: false, topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })) });
  // A broker may learn of them a little later than the controller that made them.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const read = {};
  for (const codec of Object.keys(CODECS)) {
    read[codec] = await roundTrip(kafka, `${prefix}-${codec}`, CODECS[codec]);
  }
  const numbered = (list, name) => list.sort((a, b) => a.partition - b.partition).map((each) => Number(each[name]));
  const ends = await admin.fetchTopicOffsets(topics[0]);
  const offsets = {
    earliest: numbered(ends, "low"),
    latest: numbered(ends, "high"),
    sought: numbered(await admin.fetchTopicOffsetsByTimestamp(topics[0], SOUGHT), "offset"),
  };
  const described = await admin.fetchTopicMetadata({ topics: [topics[0]] });
  await admin.deleteTopics({ topics });
  await admin.disconnect();
  // Another client: this one would ask for the topics that it knew.
  const later = kafka.admin();
  await later.connect();
  let left;
  for (let tries = 0; tries === 0 || (tries < 300 && left.length > 0); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    left = (await later.listTopics()).filter((topic) => topic.startsWith(`${prefix}-`));
  }
  await later.disconnect();
  console.log(JSON.stringify({ read, offsets, partitions: described.topics[0].partitions.length, left }));
}

async function roundTrip(kafka, topic, compression) {
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  await producer.send({ topic, messages: [...records()], compression, acks: -1 });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: `${topic}-reader` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const lines = [];
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, (event) => reject(event.payload.error));
    consumer.run({
      eachMessage: async ({ partition, message }) => {
        lines.push(line(partition, message));
        if (lines.length === RECORDS) resolve();
      },
    });
  });
  await consumer.disconnect();
  return lines.sort();
}

async function member(kafka, group, topic) {
  const consumer = kafka.consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 500 });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    console.error(payload.error);
    if (!payload.restart) process.exit(1);
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 200,
    eachMessage: async ({ partition, message }) => {
      console.log(`${partition} ${message.offset}`);
    },
  });
  process.on("SIGTERM", async () => {
    await consumer.disconnect();
    process.exit(0);
  });
}

const [what, bootstrap, ...rest] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "kafkajs", brokers: [bootstrap], logLevel: logLevel.ERROR, retry: { retries: 20, maxRetryTime: 1000 } });
({ scenario, member })[what](kafka, ...rest).catch((error) => {
  console.error(error);
  process.exit(1);
});
