// Writes with franz-go: every codec, headers, nulls, transactions that commit and
// abort, and the offsets of a group.
//
//	go-client BOOTSTRAP
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const count = 300

func main() {
	bootstrap := os.Args[1]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	for name, codec := range codecs {
		produce(ctx, bootstrap, "go-"+name, codec)
	}
	transact(ctx, bootstrap)
	consume(ctx, bootstrap)
}

func client(bootstrap string, options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.SeedBrokers(bootstrap), kgo.AllowAutoTopicCreation())
	made, err := kgo.NewClient(options...)
	check(err)
	return made
}

func records(topic string) []*kgo.Record {
	var made []*kgo.Record
	for i := range count {
		one := &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "value %d of %s", i, topic)}
		if i%3 != 0 {
			one.Key = fmt.Appendf(nil, "key-%d", i%7)
		}
		if i%11 == 10 {
			one.Value = nil
		}
		if i%5 == 0 {
			one.Headers = []kgo.RecordHeader{
				{Key: "trace", Value: []byte{byte(i), 0, 255}},
				{Key: "empty", Value: []byte{}},
				{Key: "null", Value: nil},
			}
		}
		made = append(made, one)
	}
	return made
}

func produce(ctx context.Context, bootstrap, topic string, codec kgo.CompressionCodec) {
	to := client(bootstrap, kgo.ProducerBatchCompression(codec))
	defer to.Close()
	check(to.ProduceSync(ctx, records(topic)...).FirstErr())
}

func transact(ctx context.Context, bootstrap string) {
	to := client(bootstrap, kgo.TransactionalID("go-txn"))
	defer to.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		check(to.BeginTransaction())
		check(to.ProduceSync(ctx, records("go-txn")...).FirstErr())
		check(to.EndTransaction(ctx, end))
	}
}

func consume(ctx context.Context, bootstrap string) {
	from := client(bootstrap, kgo.ConsumerGroup("go-group"), kgo.ConsumeTopics("go-none"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer from.Close()
	for seen := 0; seen < count; {
		fetches := from.PollFetches(ctx)
		check(fetches.Err())
		seen += fetches.NumRecords()
	}
	check(from.CommitUncommittedOffsets(ctx))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-client:", err)
		os.Exit(1)
	}
}
