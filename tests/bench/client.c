/* The client of the broker benchmark: librdkafka, as fast as it goes.
 *
 *   client produce BOOTSTRAP TOPIC COUNT SIZE   acks=all, batches of up to 1 MB
 *   client consume BOOTSTRAP TOPIC COUNT        from the beginning
 *   client trips BOOTSTRAP TOPIC COUNT          one record after the other, there and back
 *   client echo COUNT                           the same over a bare loopback connection
 *
 * The first two print the seconds that it took; consume, from the first record on. The others print, in microseconds, the
 * average, the median, the 99th percentile, the 99.9th, and the longest.
 */

#include <arpa/inet.h>
#include <librdkafka/rdkafka.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 1000, WAIT_MS = 60000, TRIP_SIZE = 100, WARM_TRIPS = 1000 };

static _Noreturn void fail(const char *what, const char *why) {
    fprintf(stderr, "client: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

/* Settings. */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
        fail(name, error);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap) {
    char error[512];
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *kafka = rd_kafka_new(type, conf, error, sizeof error);
    if (kafka == NULL)
        fail("no client", error);
    return kafka;
}

static void refused(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque) {
    (void)kafka, (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("a record was refused", rd_kafka_err2str(message->err));
}

static rd_kafka_t *producer(const char *bootstrap, const char *linger) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "acks", "all");
    set(conf, "linger.ms", linger);
    set(conf, "batch.size", "1000000");
    set(conf, "batch.num.messages", "1000000");
    /* Three batches of small records: a longer queue leaves the processor's cache before it is sent. */
    set(conf, "queue.buffering.max.messages", "30000");
    set(conf, "delivery.report.only.error", "true");
    rd_kafka_conf_set_dr_msg_cb(conf, refused);
    return client(RD_KAFKA_PRODUCER, conf, bootstrap);
}

static rd_kafka_t *consumer(const char *bootstrap) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "queued.min.messages", "1000000");
    return client(RD_KAFKA_CONSUMER, conf, bootstrap);
}

static rd_kafka_topic_t *topic_of(rd_kafka_t *kafka, const char *name) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka, name, NULL);
    if (topic == NULL)
        fail(name, rd_kafka_err2str(rd_kafka_last_error()));
    return topic;
}

/* Throughput. */

static void produce(const char *bootstrap, const char *name, int64_t count, size_t size) {
    rd_kafka_t *kafka = producer(bootstrap, "5");
    rd_kafka_topic_t *topic = topic_of(kafka, name);
    /* Letters by a fixed rule; records begin everywhere in them. */
    size_t span = 1 << 20;
    char *letters = malloc(span + size);
    uint32_t state = 60;
    for (size_t at = 0; at < span + size; at++)
        letters[at] = 'a' + (state = state * 1664525 + 1013904223) % 26;
    rd_kafka_message_t messages[AT_ONCE];
    double begun = now();
    for (int64_t sent = 0; sent < count;) {
        int some = count - sent < AT_ONCE ? (int)(count - sent) : AT_ONCE;
        for (int at = 0; at < some; at++) {
            state = state * 1664525 + 1013904223;
            messages[at] = (rd_kafka_message_t){.payload = letters + state % span, .len = size};
        }
        for (int done = 0; done < some;) {
            int taken = rd_kafka_produce_batch(topic, 0, 0, messages + done, some - done);
            done += taken;
            if (done < some) {
                /* Those that were taken stand before the first that was not. */
                if (messages[done].err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                    fail("cannot send", rd_kafka_err2str(messages[done].err));
                rd_kafka_poll(kafka, 1);
            }
        }
        sent += some;
    }
    if (rd_kafka_flush(kafka, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(name, "not all was sent");
    double taken = now() - begun;
    int64_t low, high;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(kafka, name, 0, &low, &high, WAIT_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || high != count)
        fail(name, "the broker has another number of records");
    printf("%.6f\n", taken);
}

static void consume(const char *bootstrap, const char *name, int64_t count) {
    rd_kafka_t *kafka = consumer(bootstrap);
    rd_kafka_topic_t *topic = topic_of(kafka, name);
    static rd_kafka_message_t *messages[AT_ONCE];
    double begun = 0;
    if (rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
        fail(name, "cannot read");
    for (int64_t got = 0; got < count;) {
        ssize_t some = rd_kafka_consume_batch(topic, 0, WAIT_MS, messages, AT_ONCE);
        if (some <= 0)
            fail(name, "nothing comes");
        if (got == 0)
            begun = now(); /* Until here librdkafka looked for the leader. */
        for (ssize_t at = 0; at < some; at++) {
            if (messages[at]->err == RD_KAFKA_RESP_ERR_NO_ERROR && messages[at]->offset != got++)
                fail(name, "records are out of order");
            rd_kafka_message_destroy(messages[at]);
        }
    }
    printf("%.6f\n", now() - begun);
    fflush(stdout);
    _exit(0);
}

/* Latency. */

static int by_size(const void *left, const void *right) {
    float a = *(const float *)left, b = *(const float *)right;
    return (a > b) - (a < b);
}

static void tell(float *times, int64_t count) {
    double sum = 0;
    for (int64_t at = 0; at < count; at++)
        sum += times[at];
    qsort(times, count, sizeof *times, by_size);
    printf("%.1f %.1f %.1f %.1f %.1f\n", sum / count, times[count / 2], times[count - 1 - count / 100],
           times[count - 1 - count / 1000], times[count - 1]);
    fflush(stdout);
    _exit(0);
}

static void trips(const char *bootstrap, const char *name, int64_t count) {
    rd_kafka_t *sender = producer(bootstrap, "0"), *reader = consumer(bootstrap);
    rd_kafka_topic_t *into = topic_of(sender, name), *out_of = topic_of(reader, name);
    float *times = malloc(count * sizeof *times);
    char record[TRIP_SIZE] = {0};
    if (rd_kafka_consume_start(out_of, 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
        fail(name, "cannot read");
    for (int64_t trip = -WARM_TRIPS; trip < count; trip++) {
        memcpy(record, &trip, sizeof trip);
        double begun = now();
        if (rd_kafka_produce(into, 0, RD_KAFKA_MSG_F_COPY, record, sizeof record, NULL, 0, NULL) != 0)
            fail(name, rd_kafka_err2str(rd_kafka_last_error()));
        for (int is_back = 0; !is_back;) {
            rd_kafka_message_t *message = rd_kafka_consume(out_of, 0, WAIT_MS);
            if (message == NULL)
                fail(name, "a record does not come back");
            if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                if (message->len != sizeof record || memcmp(message->payload, record, sizeof record) != 0)
                    fail(name, "another record came back");
                is_back = 1;
            }
            rd_kafka_message_destroy(message);
        }
        if (trip >= 0)
            times[trip] = (now() - begun) * 1e6;
        rd_kafka_poll(sender, 0);
    }
    tell(times, count);
}

static void pass_on(int from, int to) {
    char record[TRIP_SIZE];
    for (size_t got = 0; got < sizeof record;) {
        ssize_t some = read(from, record + got, sizeof record - got);
        if (some <= 0)
            fail("echo", "the connection is gone");
        got += some;
    }
    if (write(to, record, sizeof record) != sizeof record)
        fail("echo", "the connection is gone");
}

static void *echoes(void *socket) {
    for (;;)
        pass_on(*(int *)socket, *(int *)socket);
    return NULL;
}

static void echo(int64_t count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), here = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &length) ||
        connect(here, (struct sockaddr *)&address, length))
        fail("echo", "no connection");
    static int there;
    there = accept(listener, NULL, NULL);
    setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(there, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    pthread_create(&thread, NULL, echoes, &there);
    float *times = malloc(count * sizeof *times);
    char record[TRIP_SIZE] = {0};
    for (int64_t trip = 0; trip < count; trip++) {
        double begun = now();
        if (write(here, record, sizeof record) != sizeof record)
            fail("echo", "the connection is gone");
        for (size_t got = 0; got < sizeof record;) {
            ssize_t some = read(here, record + got, sizeof record - got);
            if (some <= 0)
                fail("echo", "the connection is gone");
            got += some;
        }
        times[trip] = (now() - begun) * 1e6;
    }
    tell(times, count);
}

int main(int count, char **words) {
    if (count == 6 && strcmp(words[1], "produce") == 0)
        produce(words[2], words[3], atoll(words[4]), atoll(words[5]));
    else if (count == 5 && strcmp(words[1], "consume") == 0)
        consume(words[2], words[3], atoll(words[4]));
    else if (count == 5 && strcmp(words[1], "trips") == 0)
        trips(words[2], words[3], atoll(words[4]));
    else if (count == 3 && strcmp(words[1], "echo") == 0)
        echo(atoll(words[2]));
    else
        fail("usage", "see the head of client.c");
    return 0;
}
