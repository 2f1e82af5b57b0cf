"""confluent-kafka, which is librdkafka."""

import shared
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

OFFSET_SPECS = {"earliest": OffsetSpec.earliest(), "latest": OffsetSpec.latest(),
                "sought": OffsetSpec.for_timestamp(shared.SOUGHT)}


def scenario(bootstrap, prefix):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [f"{prefix}-{codec}" for codec in shared.CODECS]
    for made in admin.create_topics([NewTopic(topic, shared.PARTITIONS, 1) for topic in topics]).values():
        made.result(30)
    read = {codec: round_trip(bootstrap, codec, f"{prefix}-{codec}") for codec in shared.CODECS}
    parts = [TopicPartition(topics[0], number) for number in range(shared.PARTITIONS)]
    offsets = {}
    for name, spec in OFFSET_SPECS.items():
        found = admin.list_offsets({part: spec for part in parts})
        offsets[name] = [found[part].result(30).offset for part in parts]
    described = admin.list_topics(topics[0], timeout=30).topics[topics[0]]
    for gone in admin.delete_topics(topics).values():
        gone.result(30)
    left = shared.left(prefix, lambda: admin.list_topics(timeout=30).topics)
    shared.tell(read=read, offsets=offsets, partitions=len(described.partitions), left=left)


def round_trip(bootstrap, codec, topic):
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True,
                         "linger.ms": 20})
    failures = []
    for partition, key, value, headers, timestamp in shared.records():
        producer.produce(topic, value, key, partition, headers=headers, timestamp=timestamp,
                         on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(60) == 0 and not failures, failures
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(shared.PARTITIONS)])
    lines = []
    while len(lines) < shared.RECORDS:
        for message in consumer.consume(500, 0.2):
            assert not message.error(), message.error()
            lines.append(shared.line(message.partition(), message.offset(), message.timestamp()[1], message.key(),
                                     message.value(), message.headers()))
    consumer.close()
    return sorted(lines)


def member(bootstrap, group, topic, protocol):
    classic = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500} if protocol == "classic" else {}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "group.protocol": protocol, "enable.auto.commit": False, **classic})
    consumer.subscribe([topic])
    stopping = shared.Stopping()
    while not stopping.now:
        messages = consumer.consume(200, 0.2)
        for message in messages:
            if message.error():
                shared.complain(message.error())
            else:
                shared.got(message.partition(), message.offset())
        if messages:
            commit(consumer)
    consumer.close()


def commit(consumer):
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        shared.complain(error)


shared.run(scenario, member)
