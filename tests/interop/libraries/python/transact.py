"""A transactional producer that is told what to do, a command a line: see cases/transactors.py.

Arguments: LIBRARY BOOTSTRAP, where the library is confluent or kafka_python.
"""

import sys


class Confluent:
    def __init__(self, bootstrap, identity, timeout):
        from confluent_kafka import Producer
        self.producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": identity, "linger.ms": 0,
                                  "transaction.timeout.ms": int(timeout), "log_level": 0, "error_cb": lambda _: None})
        self.producer.init_transactions(30)

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, partition, value):
        failures = []
        self.producer.produce(topic, value, None, int(partition),
                              on_delivery=lambda error, _: failures.append(error) if error else None)
        assert self.producer.flush(30) == 0, "it was not sent"
        if failures:
            raise RuntimeError(failures[0])

    def offset(self, group, topic, partition, offset):
        from confluent_kafka import Consumer, TopicPartition
        reader = Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": group, "log_level": 0,
                           "error_cb": lambda _: None})
        self.producer.send_offsets_to_transaction([TopicPartition(topic, int(partition), int(offset))],
                                                  reader.consumer_group_metadata(), 30)
        reader.close()

    def commit(self):
        self.producer.commit_transaction(30)

    def abort(self):
        self.producer.abort_transaction(30)


class KafkaPython:
    def __init__(self, bootstrap, identity, timeout):
        from kafka import KafkaProducer
        self.producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=identity, linger_ms=0, acks="all",
                                      transaction_timeout_ms=int(timeout), max_block_ms=30_000,
                                      request_timeout_ms=10_000, delivery_timeout_ms=30_000)
        self.producer.init_transactions()

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, partition, value):
        self.producer.send(topic, value.encode(), partition=int(partition)).get(30)

    def offset(self, group, topic, partition, offset):
        from kafka.structs import OffsetAndMetadata, TopicPartition
        self.producer.send_offsets_to_transaction(
            {TopicPartition(topic, int(partition)): OffsetAndMetadata(int(offset), "", -1)}, group)

    def commit(self):
        self.producer.commit_transaction()

    def abort(self):
        self.producer.abort_transaction()


def main(library, bootstrap):
    producer = None
    for line in sys.stdin:
        verb, *words = line.split()
        try:
            if verb == "init":
                producer = {"confluent": Confluent, "kafka_python": KafkaPython}[library](bootstrap, *words)
            else:
                getattr(producer, verb)(*words)
            answer = "ok"
        except Exception as error:  # whatever the library says is the answer
            answer = f"refused {error!r}".replace("\n", " ")
        print(answer, flush=True)


main(*sys.argv[1:])
