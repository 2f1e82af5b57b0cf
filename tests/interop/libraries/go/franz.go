package main

import (
	"context"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct {
	bootstrap string
	admin     *kadm.Client
}

func newFranz(bootstrap string) library {
	// It keeps what it knows of topics that long.
	client := have(kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(50*time.Millisecond)))
	return &franz{bootstrap, kadm.NewClient(client)}
}

func (f *franz) codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func (f *franz) create(topics []string) {
	made := have(f.admin.CreateTopics(context.Background(), partitions, 1, nil, topics...))
	must(made.Error())
}

func (f *franz) write(topic, codec string, records []record) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	client := have(kgo.NewClient(kgo.SeedBrokers(f.bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(20*time.Millisecond)))
	defer client.Close()
	var sent []*kgo.Record
	for _, each := range records {
		next := &kgo.Record{Topic: topic, Partition: each.partition, Key: each.key, Value: each.value,
			Timestamp: time.UnixMilli(each.time)}
		for _, header := range each.headers {
			next.Headers = append(next.Headers, kgo.RecordHeader{Key: header.name, Value: header.value})
		}
		sent = append(sent, next)
	}
	must(client.ProduceSync(context.Background(), sent...).FirstErr())
}

func (f *franz) read(topic string, got func(int32, int64, int64, []byte, []byte, []header) bool) {
	client := have(kgo.NewClient(kgo.SeedBrokers(f.bootstrap), kgo.ConsumeTopics(topic)))
	defer client.Close()
	for more := true; more; {
		fetches := client.PollFetches(context.Background())
		must(fetches.Err())
		fetches.EachRecord(func(each *kgo.Record) {
			var headers []header
			for _, one := range each.Headers {
				headers = append(headers, header{one.Key, one.Value})
			}
			more = got(each.Partition, each.Offset, each.Timestamp.UnixMilli(), each.Key, each.Value, headers)
		})
	}
}

func (f *franz) offsets(topic string) map[string][]int64 {
	ctx := context.Background()
	found := map[string]kadm.ListedOffsets{
		"earliest": have(f.admin.ListStartOffsets(ctx, topic)),
		"latest":   have(f.admin.ListEndOffsets(ctx, topic)),
		"sought":   have(f.admin.ListOffsetsAfterMilli(ctx, sought, topic)),
	}
	told := map[string][]int64{}
	for name, listed := range found {
		for partition := int32(0); partition < partitions; partition++ {
			told[name] = append(told[name], listed[topic][partition].Offset)
		}
	}
	return told
}

func (f *franz) partitions(topic string) int {
	return len(have(f.admin.ListTopics(context.Background(), topic))[topic].Partitions)
}

func (f *franz) remove(topics []string) {
	gone := have(f.admin.DeleteTopics(context.Background(), topics...))
	must(gone.Error())
}

func (f *franz) topics() []string { return have(f.admin.ListTopics(context.Background())).Names() }

func (f *franz) member(group, topic, protocol string, stop <-chan os.Signal, got func(int32, int64)) {
	options := []kgo.Opt{kgo.SeedBrokers(f.bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(500 * time.Millisecond), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll()}
	if protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
	}
	client := have(kgo.NewClient(options...))
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-stop; cancel() }()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) { complain(err) })
		fetches.EachRecord(func(each *kgo.Record) { got(each.Partition, each.Offset) })
		// Where it fails the partition is another's, who goes on.
		complain(client.CommitUncommittedOffsets(context.Background()))
		client.AllowRebalance()
	}
}
