"""aiokafka."""

import asyncio

import shared
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError


async def scenario(bootstrap, prefix):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    topics = [f"{prefix}-{codec}" for codec in shared.CODECS]
    await admin.create_topics([NewTopic(topic, shared.PARTITIONS, 1) for topic in topics])
    read = {codec: await round_trip(bootstrap, codec, f"{prefix}-{codec}") for codec in shared.CODECS}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    parts = [TopicPartition(topics[0], number) for number in range(shared.PARTITIONS)]
    first, last = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
    sought = await consumer.offsets_for_times({part: shared.SOUGHT for part in parts})
    await consumer.stop()
    offsets = {"earliest": [first[part] for part in parts], "latest": [last[part] for part in parts],
               "sought": [sought[part].offset for part in parts]}
    described = await admin.describe_topics([topics[0]])
    await admin.delete_topics(topics)
    for _ in range(50):  # a broker may learn a little later than the controller
        await asyncio.sleep(0.1)
        left = [topic for topic in await admin.list_topics() if topic.startswith(f"{prefix}-")]
        if not left:
            break
    await admin.close()
    shared.tell(read=read, offsets=offsets, partitions=len(described[0]["partitions"]), left=left)


async def round_trip(bootstrap, codec, topic):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec,
                                enable_idempotence=True, linger_ms=20)
    await producer.start()
    sent = [await producer.send(topic, value, key, partition, timestamp, headers)
            for partition, key, value, headers, timestamp in shared.records()]
    await asyncio.gather(*sent)
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(shared.PARTITIONS)])
    lines = []
    while len(lines) < shared.RECORDS:
        for batch in (await consumer.getmany(timeout_ms=30000)).values():
            lines += [shared.line(each.partition, each.offset, each.timestamp, each.key, each.value, each.headers)
                      for each in batch]
    await consumer.stop()
    return sorted(lines)


async def member(bootstrap, group, topic, _protocol):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                                enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
    await consumer.start()
    stopping = shared.Stopping()
    while not stopping.now:
        batches = await consumer.getmany(timeout_ms=200)
        for batch in batches.values():
            for each in batch:
                shared.got(each.partition, each.offset)
        if batches:
            try:
                await consumer.commit()
            except KafkaError as error:
                shared.complain(error)
    await consumer.stop()


shared.run(lambda *args: asyncio.run(scenario(*args)), lambda *args: asyncio.run(member(*args)))
