package main

import (
	"context"
	"os"
	"time"

	"github.com/IBM/sarama"
)

type saramaLibrary struct {
	bootstrap []string
	config    *sarama.Config
	client    sarama.Client
	admin     sarama.ClusterAdmin
}

func newSarama(bootstrap string) library {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Net.MaxOpenRequests = 1
	config.Consumer.MaxWaitTime = 50 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	client := have(sarama.NewClient([]string{bootstrap}, config))
	return &saramaLibrary{[]string{bootstrap}, config, client, have(sarama.NewClusterAdminFromClient(client))}
}

func (s *saramaLibrary) codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func (s *saramaLibrary) create(topics []string) {
	for _, topic := range topics {
		must(s.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
	}
}

func (s *saramaLibrary) write(topic, codec string, records []record) {
	codecs := map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	config := *s.config
	config.Producer.Compression = codecs[codec]
	producer := have(sarama.NewSyncProducer(s.bootstrap, &config))
	defer producer.Close()
	var sent []*sarama.ProducerMessage
	for _, each := range records {
		next := &sarama.ProducerMessage{Topic: topic, Partition: each.partition, Timestamp: time.UnixMilli(each.time)}
		if each.key != nil {
			next.Key = sarama.ByteEncoder(each.key)
		}
		if each.value != nil {
			next.Value = sarama.ByteEncoder(each.value)
		}
		for _, header := range each.headers {
			next.Headers = append(next.Headers, sarama.RecordHeader{Key: []byte(header.name), Value: header.value})
		}
		sent = append(sent, next)
	}
	must(producer.SendMessages(sent))
}

func (s *saramaLibrary) read(topic string, got func(int32, int64, int64, []byte, []byte, []header) bool) {
	consumer := have(sarama.NewConsumer(s.bootstrap, s.config))
	messages := make(chan *sarama.ConsumerMessage)
	done := make(chan struct{})
	var claims []sarama.PartitionConsumer
	for partition := int32(0); partition < partitions; partition++ {
		each := have(consumer.ConsumePartition(topic, partition, sarama.OffsetOldest))
		claims = append(claims, each)
		go func() {
			for message := range each.Messages() {
				select {
				case messages <- message:
				case <-done:
				}
			}
		}()
	}
	for more := true; more; {
		message := <-messages
		var headers []header
		for _, one := range message.Headers {
			headers = append(headers, header{string(one.Key), one.Value})
		}
		more = got(message.Partition, message.Offset, message.Timestamp.UnixMilli(), message.Key, message.Value, headers)
	}
	close(done)
	for _, claim := range claims {
		must(claim.Close())
	}
	must(consumer.Close())
}

func (s *saramaLibrary) offsets(topic string) map[string][]int64 {
	told := map[string][]int64{}
	for name, time := range map[string]int64{"earliest": sarama.OffsetOldest, "latest": sarama.OffsetNewest, "sought": sought} {
		for partition := int32(0); partition < partitions; partition++ {
			told[name] = append(told[name], have(s.client.GetOffset(topic, partition, time)))
		}
	}
	return told
}

func (s *saramaLibrary) partitions(topic string) int {
	return len(have(s.admin.DescribeTopics([]string{topic}))[0].Partitions)
}

func (s *saramaLibrary) remove(topics []string) {
	for _, topic := range topics {
		must(s.admin.DeleteTopic(topic))
	}
}

func (s *saramaLibrary) topics() []string {
	var names []string
	for name := range have(s.admin.ListTopics()) {
		names = append(names, name)
	}
	return names
}

type saramaMember struct{ got func(int32, int64) }

func (saramaMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (m saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.got(message.Partition, message.Offset)
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (s *saramaLibrary) member(group, topic, _ string, stop <-chan os.Signal, got func(int32, int64)) {
	member := have(sarama.NewConsumerGroupFromClient(group, s.client))
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-stop; cancel() }()
	for ctx.Err() == nil {
		complain(member.Consume(ctx, []string{topic}, saramaMember{got}))
	}
	must(member.Close())
}
