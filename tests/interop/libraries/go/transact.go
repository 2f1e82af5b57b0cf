package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// transact is a transactional producer that is told what to do, a command a line: see cases/transactors.py.
func transact(bootstrap string) {
	var client *kgo.Client
	var id string
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		words := strings.Fields(commands.Text())
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		var err error
		switch words[0] {
		case "init":
			id = words[1]
			timeout := have(strconv.Atoi(words[2]))
			client, err = kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(id),
				kgo.TransactionTimeout(time.Duration(timeout)*time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
				kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(30*time.Second))
			if err == nil {
				_, _, err = client.ProducerID(ctx) // which asks for it
			}
		case "begin":
			err = client.BeginTransaction()
		case "send":
			partition := have(strconv.Atoi(words[2]))
			err = client.ProduceSync(ctx, &kgo.Record{Topic: words[1], Partition: int32(partition), Value: []byte(words[3])}).FirstErr()
		case "offset":
			err = sendOffset(ctx, client, id, words[1:])
		case "commit":
			err = client.EndTransaction(ctx, kgo.TryCommit)
		case "abort":
			err = client.EndTransaction(ctx, kgo.TryAbort)
		}
		cancel()
		if err != nil {
			fmt.Println("refused", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}

// sendOffset adds an offset to the transaction as the library's own sessions do, which need a consumer.
func sendOffset(ctx context.Context, client *kgo.Client, id string, words []string) error {
	producer, epoch, err := client.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, producer, epoch, words[0]
	added, err := add.RequestWith(ctx, client)
	for err == nil && added.ErrorCode == kerr.ConcurrentTransactions.Code {
		// The markers of the one before are still being written.
		time.Sleep(20 * time.Millisecond)
		added, err = add.RequestWith(ctx, client)
	}
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return err
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.Group, commit.ProducerID, commit.ProducerEpoch, commit.Generation = id, words[0], producer, epoch, -1
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Partition, partition.Offset = int32(have(strconv.Atoi(words[2]))), have(strconv.ParseInt(words[3], 10, 64))
	partition.LeaderEpoch = -1
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.Partitions = words[1], append(topic.Partitions, partition)
	commit.Topics = append(commit.Topics, topic)
	committed, err := commit.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(committed.Topics[0].Partitions[0].ErrorCode)
}
