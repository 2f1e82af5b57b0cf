// Three client libraries for Go, on the same records as those of other languages.
//
//	libraries NAME scenario BOOTSTRAP PREFIX
//	libraries NAME member BOOTSTRAP GROUP TOPIC PROTOCOL
//	libraries franz transact BOOTSTRAP
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strings"
	"syscall"
	"time"
)

const (
	partitions = 3
	count      = 300
	firstTime  = int64(1700000000000)
	sought     = firstTime + 150000
)

type header struct {
	name  string
	value []byte
}

type record struct {
	partition  int32
	key, value []byte
	headers    []header
	time       int64
}

// A library does what the scenario asks for.
type library interface {
	codecs() []string
	create(topics []string)
	write(topic, codec string, records []record)
	read(topic string, got func(partition int32, offset, time int64, key, value []byte, headers []header) bool)
	offsets(topic string) map[string][]int64
	partitions(topic string) int
	remove(topics []string)
	topics() []string
	member(group, topic, protocol string, stop <-chan os.Signal, got func(partition int32, offset int64))
}

var libraries = map[string]func(bootstrap string) library{
	"franz": newFranz, "sarama": newSarama, "kafka-go": newKafkaGo,
}

func main() {
	if os.Args[2] == "transact" {
		transact(os.Args[3])
		return
	}
	made := libraries[os.Args[1]](os.Args[3])
	if os.Args[2] == "scenario" {
		scenario(made, os.Args[4])
		return
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	made.member(os.Args[4], os.Args[5], os.Args[6], stop, func(partition int32, offset int64) {
		fmt.Printf("%d %d\n", partition, offset)
	})
}

func scenario(made library, prefix string) {
	var topics []string
	for _, codec := range made.codecs() {
		topics = append(topics, prefix+"-"+codec)
	}
	made.create(topics)
	read := map[string][]string{}
	for at, codec := range made.codecs() {
		made.write(topics[at], codec, records())
		var lines []string
		made.read(topics[at], func(partition int32, offset, time int64, key, value []byte, headers []header) bool {
			lines = append(lines, line(partition, offset, time, key, value, headers))
			return len(lines) < count
		})
		sort.Strings(lines)
		read[codec] = lines
	}
	offsets := made.offsets(topics[0])
	number := made.partitions(topics[0])
	made.remove(topics)
	var left []string
	// kafka-go answers from what it knows for six seconds.
	for try := 0; try < 300; try++ {
		time.Sleep(100 * time.Millisecond)
		left = []string{}
		for _, topic := range made.topics() {
			if strings.HasPrefix(topic, prefix+"-") {
				left = append(left, topic)
			}
		}
		if len(left) == 0 {
			break
		}
	}
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"read": read, "offsets": offsets, "partitions": number, "left": left,
	}))
}

func records() []record {
	var made []record
	for i := 0; i < count; i++ {
		next := record{partition: int32(i % partitions), time: firstTime + int64(i)*1000}
		if i%14 != 0 {
			next.key = fmt.Appendf(nil, "key-%d", i)
		}
		if i%22 != 11 {
			next.value = fmt.Appendf(nil, "value-%d-%s", i, strings.Repeat("x", i%50))
		}
		if i%2 == 0 {
			next.headers = []header{{"h", fmt.Append(nil, i)}, {"empty", []byte{}}}
		}
		made = append(made, next)
	}
	return made
}

func line(partition int32, offset, time int64, key, value []byte, headers []header) string {
	var told []string
	for _, each := range headers {
		told = append(told, each.name+"="+hex.EncodeToString(each.value))
	}
	return fmt.Sprintf("%d %d %d %s %s %s", partition, offset, time, shown(key), shown(value), strings.Join(told, ","))
}

func shown(data []byte) string {
	if data == nil {
		return "null"
	}
	if len(data) == 0 {
		return "empty"
	}
	return hex.EncodeToString(data)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// complain says what a member lives through.
func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func have[T any](value T, err error) T {
	must(err)
	return value
}
