package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
)

type kafkaGo struct {
	bootstrap string
	client    *kafka.Client
}

func newKafkaGo(bootstrap string) library {
	return &kafkaGo{bootstrap, &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: 30 * time.Second}}
}

func (k *kafkaGo) codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func (k *kafkaGo) create(topics []string) {
	request := &kafka.CreateTopicsRequest{}
	for _, topic := range topics {
		request.Topics = append(request.Topics, kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1})
	}
	for _, err := range have(k.client.CreateTopics(context.Background(), request)).Errors {
		must(err)
	}
}

// byPartition sends each record where it belongs: the name of its partition is its WriterData.
type byPartition struct{}

func (byPartition) Balance(message kafka.Message, _ ...int) int {
	return message.WriterData.(int)
}

func (k *kafkaGo) write(topic, codec string, records []record) {
	codecs := map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	// Of its own: the shared one goes on to ask for the topic, which makes it again.
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	writer := &kafka.Writer{Transport: transport, Addr: kafka.TCP(k.bootstrap), Topic: topic, Balancer: byPartition{},
		RequiredAcks: kafka.RequireAll, Compression: codecs[codec], BatchTimeout: 20 * time.Millisecond}
	defer writer.Close()
	var sent []kafka.Message
	for _, each := range records {
		next := kafka.Message{Key: each.key, Value: each.value, Time: time.UnixMilli(each.time), WriterData: int(each.partition)}
		for _, header := range each.headers {
			next.Headers = append(next.Headers, kafka.Header{Key: header.name, Value: header.value})
		}
		sent = append(sent, next)
	}
	must(writer.WriteMessages(context.Background(), sent...))
}

func (k *kafkaGo) read(topic string, got func(int32, int64, int64, []byte, []byte, []header) bool) {
	messages := make(chan kafka.Message)
	ctx, cancel := context.WithCancel(context.Background())
	var readers []*kafka.Reader
	for partition := 0; partition < partitions; partition++ {
		reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.bootstrap}, Topic: topic, Partition: partition,
			MaxWait: 100 * time.Millisecond})
		readers = append(readers, reader)
		go func() {
			for {
				message, err := reader.ReadMessage(ctx)
				if ctx.Err() != nil {
					return
				}
				must(err)
				messages <- message
			}
		}()
	}
	for more := true; more; {
		message := <-messages
		var headers []header
		for _, one := range message.Headers {
			headers = append(headers, header{one.Key, one.Value})
		}
		more = got(int32(message.Partition), message.Offset, message.Time.UnixMilli(), message.Key, message.Value, headers)
	}
	cancel()
	for _, reader := range readers {
		must(reader.Close())
	}
}

func (k *kafkaGo) offsets(topic string) map[string][]int64 {
	told := map[string][]int64{}
	for partition := 0; partition < partitions; partition++ {
		connection := have(kafka.DialLeader(context.Background(), "tcp", k.bootstrap, topic, partition))
		told["earliest"] = append(told["earliest"], have(connection.ReadFirstOffset()))
		told["latest"] = append(told["latest"], have(connection.ReadLastOffset()))
		told["sought"] = append(told["sought"], have(connection.ReadOffset(time.UnixMilli(sought))))
		must(connection.Close())
	}
	return told
}

func (k *kafkaGo) partitions(topic string) int {
	found := have(k.client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}}))
	return len(found.Topics[0].Partitions)
}

func (k *kafkaGo) remove(topics []string) {
	for _, err := range have(k.client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: topics})).Errors {
		must(err)
	}
}

func (k *kafkaGo) topics() []string {
	var names []string
	for _, topic := range have(k.client.Metadata(context.Background(), &kafka.MetadataRequest{})).Topics {
		names = append(names, topic.Name)
	}
	return names
}

func (k *kafkaGo) member(group, topic, _ string, stop <-chan os.Signal, got func(int32, int64)) {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{k.bootstrap}, GroupID: group, Topic: topic,
		StartOffset: kafka.FirstOffset, SessionTimeout: 6 * time.Second, HeartbeatInterval: 500 * time.Millisecond,
		CommitInterval: 200 * time.Millisecond, MaxWait: 100 * time.Millisecond, RebalanceTimeout: 6 * time.Second,
		ErrorLogger: kafka.LoggerFunc(func(text string, what ...any) { complain(fmt.Errorf(text, what...)) })})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-stop; cancel() }()
	for {
		message, err := reader.ReadMessage(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			complain(err)
			continue
		}
		got(int32(message.Partition), message.Offset)
	}
	must(reader.Close())
}
