"""kafka-python."""

import shared
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError


def scenario(bootstrap, prefix):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topics = [f"{prefix}-{codec}" for codec in shared.CODECS]
    admin.create_topics([NewTopic(topic, shared.PARTITIONS, 1) for topic in topics])
    read = {codec: round_trip(bootstrap, codec, f"{prefix}-{codec}") for codec in shared.CODECS}
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    parts = [TopicPartition(topics[0], number) for number in range(shared.PARTITIONS)]
    sought = consumer.offsets_for_times({part: shared.SOUGHT for part in parts})
    offsets = {"earliest": [consumer.beginning_offsets(parts)[part] for part in parts],
               "latest": [consumer.end_offsets(parts)[part] for part in parts],
               "sought": [sought[part].offset for part in parts]}
    partitions = len(consumer.partitions_for_topic(topics[0]))
    consumer.close()
    admin.delete_topics(topics)
    left = shared.left(prefix, admin.list_topics)
    admin.close()
    shared.tell(read=read, offsets=offsets, partitions=partitions, left=left)


def round_trip(bootstrap, codec, topic):
    producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec,
                             enable_idempotence=True, linger_ms=20)
    sent = [producer.send(topic, value, key, headers, partition, timestamp)
            for partition, key, value, headers, timestamp in shared.records()]
    producer.flush(60)
    for each in sent:
        each.get(60)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, number) for number in range(shared.PARTITIONS)])
    lines = []
    while len(lines) < shared.RECORDS:
        for batch in consumer.poll(30000).values():
            lines += [shared.line(each.partition, each.offset, each.timestamp, each.key, each.value, each.headers)
                      for each in batch]
    consumer.close()
    return sorted(lines)


def member(bootstrap, group, topic, _protocol):
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
    stopping = shared.Stopping()
    while not stopping.now:
        batches = consumer.poll(200)
        for batch in batches.values():
            for each in batch:
                shared.got(each.partition, each.offset)
        if batches:
            try:
                consumer.commit()
            except KafkaError as error:
                shared.complain(error)
    consumer.close()


shared.run(scenario, member)
