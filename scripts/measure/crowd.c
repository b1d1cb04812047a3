/* Many websocket listeners in one thread, told by lines on stdin what to do: the load of scripts/bench.

   crowd PORTS CONTROL_PORT LISTENERS AT_ONCE GREETINGS REQUEST HELLO TRIGGER TOKENS_FILE

   Connects LISTENERS sockets (AT_ONCE handshakes under way), sends HELLO on each, and waits for GREETINGS
   messages on each. Whoever loses its socket goes to the next of PORTS, and tries again after 0.5 s x 2^n with
   full jitter, as our pages do. A message of 500 bytes or more is an entry. Answers every line with one line of JSON:

   run COUNT IN_FLIGHT SECONDS   write TRIGGER to the control port COUNT times, or as often as fits into SECONDS,
                         IN_FLIGHT at once; how long until the last listener had each
   pace RATE COUNT       the same at a steady rate, from when each was due
   state                 who is live, what was lost, repeated or missing
   stall, read           stop reading, and begin again
   quit                                                                                                   */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LATE, CONNECTING, SHAKING, GREETING, LIVE };
enum { ENTRY_BYTES = 500, CHUNK = 1 << 18, REST = 1 << 18 };
#define ENTRY "{\"type\":\"entry\",\"offset\":"

typedef struct {
    int fd, state, tries, greetings, number;
    long got, last;      /* entries since the run began; the offset of the last one, -1 before the first welcome */
    double again_at;
    char *rest;          /* the beginning of a frame that is not all here */
    int rest_size;
} Ear;

static Ear *ears;
static int listeners, at_once, greetings, live, under_way, ports[16], port_count, ep, control = -1;
static int is_stalled, token_count, does_resume;
static long lost, repeats, gaps, entries, refused, refreshed;
static const char *request, *hello, *trigger;
static char **tokens, epoch[64];
static char buffer[REST + CHUNK + 1];

static long total, started, done, in_flight;  /* of the run */
static double rate, began, ends_at, *due, *took;
static int *have;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) { perror(what); exit(1); }

static void dial(Ear *ear) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons(ports[ear->tries < port_count ? ear->tries : port_count - 1]);
    if ((ear->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
    int one = 1;
    struct linger at_once_gone = {1, 0};  /* no TIME_WAIT: ports would run out */
    setsockopt(ear->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(ear->fd, SOL_SOCKET, SO_LINGER, &at_once_gone, sizeof at_once_gone);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = ear};
    epoll_ctl(ep, EPOLL_CTL_ADD, ear->fd, &event);
    ear->state = CONNECTING, ear->greetings = ear->rest_size = 0, under_way++;
    connect(ear->fd, (struct sockaddr *)&to, sizeof to);
}

static void part(Ear *ear) {
    if (ear->state == LIVE) live--, lost++;
    else under_way--;
    close(ear->fd);
    double most = 0.5 * (1 << (ear->tries > 6 ? 6 : ear->tries));
    ear->again_at = now() + drand48() * (most > 30 ? 30 : most);
    ear->tries++, ear->state = LATE;
}

static void say(Ear *ear, const char *text) {
    size_t size = strlen(text), head = size < 126 ? 6 : 8;
    unsigned char frame[1024], *key = frame + head - 4;
    frame[0] = 0x81, frame[1] = 0x80 | (size < 126 ? size : 126);
    if (size >= 126) frame[2] = size >> 8, frame[3] = size & 255;
    memcpy(key, "wind", 4);
    for (size_t i = 0; i < size; i++) frame[head + i] = text[i] ^ key[i & 3];
    if (write(ear->fd, frame, head + size) < 0) part(ear);
}

static void greet(Ear *ear) {
    char text[512];
    if (does_resume && *epoch && ear->last >= 0) {
        snprintf(text, sizeof text, "{\"type\":\"hello\",\"epoch\":\"%s\",\"after\":%ld}", epoch, ear->last);
        say(ear, text);
    } else if (*hello) say(ear, hello);
}

static void has_arrived(Ear *ear) {
    ear->state = LIVE, ear->tries = 0, live++, under_way--;
}

static void start_one(double at) {
    due[started++] = at;
    if (write(control, trigger, strlen(trigger)) < 0) die("control");
}

static void hear(Ear *ear, char *message, long size) {
    if (size < ENTRY_BYTES) {
        if (ear->state != GREETING) return;
        char *told;
        if (does_resume && (told = memmem(message, size, "\"epoch\":\"", 9))) {
            size_t length = strcspn(told + 9, "\"");
            if (length < sizeof epoch) memcpy(epoch, told + 9, length), epoch[length] = 0;
            if ((told = memmem(message, size, "\"head\":", 7))) {
                int is_new = ear->last < 0, is_far = !!memmem(message, size, "\"refresh\"", 9);
                if (!is_new && is_far) refreshed++;  /* it reads the state again, which ends at this head */
                if (is_new || is_far) ear->last = atol(told + 7);
            }
        }
        if (++ear->greetings >= greetings) has_arrived(ear);
        return;
    }
    entries++;
    if (does_resume && size > (long)sizeof ENTRY && !memcmp(message, ENTRY, sizeof ENTRY - 1)) {
        long offset = atol(message + sizeof ENTRY - 1);
        if (offset <= ear->last) repeats++;
        else if (ear->last >= 0 && offset != ear->last + 1) gaps++;
        if (offset > ear->last) ear->last = offset;
    }
    long number = ear->got++;
    if (number < total && ++have[number] == listeners) {
        took[number] = now() - due[number];
        done++;
        if (rate || started - done >= in_flight) return;
        double at = now();
        if (at > ends_at) total = started;
        if (started < total) start_one(at);
    }
}

static void take(Ear *ear, char *data, long size) {
    if (ear->state == SHAKING) {
        char *end = memmem(data, size, "\r\n\r\n", 4);
        if (!end) goto keep;
        if (memcmp(data + 9, "101", 3)) { refused++; part(ear); return; }
        size -= end + 4 - data, data = end + 4, ear->state = GREETING;
        greet(ear);
        if (ear->state == GREETING && !greetings) has_arrived(ear);
    }
    while (size >= 2 && ear->state >= GREETING) {
        unsigned char *byte = (unsigned char *)data;
        long length = byte[1] & 127, head = 2;
        if (length == 126) { if (size < 4) break; length = byte[2] << 8 | byte[3], head = 4; }
        else if (length == 127) {
            if (size < 10) break;
            length = (long)byte[6] << 24 | byte[7] << 16 | byte[8] << 8 | byte[9], head = 10;
        }
        if (size < head + length) break;
        if ((byte[0] & 15) == 8) { part(ear); return; }
        char after = data[head + length];
        data[head + length] = 0;
        if ((byte[0] & 15) < 3) hear(ear, data + head, length);
        data[head + length] = after;
        data += head + length, size -= head + length;
    }
    if (ear->state == LATE) return;
keep:
    if (size > REST) { fprintf(stderr, "a frame of more than %d bytes\n", REST); exit(1); }
    if (size) {
        ear->rest = realloc(ear->rest, size);
        memcpy(ear->rest, data, size);
    } else if (ear->rest) free(ear->rest), ear->rest = NULL;
    ear->rest_size = size;
}

static void ready(Ear *ear, unsigned what) {
    if (ear->state == LATE) return;
    if (ear->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(ear->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) { part(ear); return; }
        char text[2048];
        int length = snprintf(text, sizeof text, request, token_count ? tokens[ear->number % token_count] : "");
        if (write(ear->fd, text, length) < 0) { part(ear); return; }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = ear};
        epoll_ctl(ep, EPOLL_CTL_MOD, ear->fd, &event);
        ear->state = SHAKING;
        return;
    }
    (void)what;
    if (ear->rest_size) memcpy(buffer, ear->rest, ear->rest_size);
    long size = recv(ear->fd, buffer + ear->rest_size, CHUNK, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) { part(ear); return; }
    take(ear, buffer, ear->rest_size + size);
}

static void listen_for(int events) {
    for (int n = 0; n < listeners; n++) {
        if (ears[n].state == LATE) continue;
        struct epoll_event event = {.events = events, .data.ptr = &ears[n]};
        epoll_ctl(ep, events ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, ears[n].fd, &event);
    }
    is_stalled = !events;
}

static void answer_run(void) {
    printf("{\"took\":%.6f,\"ms\":[", now() - began);
    for (long n = 0; n < total; n++) printf("%s%.4f", n ? "," : "", took[n] * 1e3);
    puts("]}");
    total = 0;
}

static void obey(char *line) {
    long count, most;
    double pace, seconds = 0;
    if (sscanf(line, "run %ld %ld %lf", &count, &most, &seconds) == 3) rate = 0;
    else if (sscanf(line, "pace %lf %ld", &pace, &count) == 2) rate = pace;
    else if (!strncmp(line, "state", 5)) {
        long least = -1, top = -1;
        for (int n = 0; n < listeners; n++) {
            if (least < 0 || ears[n].last < least) least = ears[n].last;
            if (ears[n].last > top) top = ears[n].last;
        }
        printf("{\"live\":%d,\"lost\":%ld,\"refused\":%ld,\"refreshed\":%ld,\"repeats\":%ld,\"gaps\":%ld,\"entries\":%ld,"
               "\"least\":%ld,\"most\":%ld,\"at\":%.6f}\n", live, lost, refused, refreshed, repeats, gaps, entries, least,
               top, now());
        return;
    } else if (!strncmp(line, "stall", 5) || !strncmp(line, "read", 4)) {
        listen_for(line[0] == 'r' ? EPOLLIN : 0);
        puts("{}");
        return;
    } else exit(0);
    due = realloc(due, count * sizeof *due), took = realloc(took, count * sizeof *took);
    have = realloc(have, count * sizeof *have);
    memset(have, 0, count * sizeof *have);
    for (long n = 0; n < count; n++) took[n] = -1;
    for (int n = 0; n < listeners; n++) ears[n].got = 0;
    total = count, started = done = 0, began = now(), in_flight = most, ends_at = began + seconds;
    if (!rate) for (long n = 0; n < most && n < count; n++) start_one(began);
}

int main(int argc, char **argv) {
    if (argc != 10) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (char *at = strtok(argv[1], ","); at && port_count < 16; at = strtok(NULL, ","))
        ports[port_count++] = atoi(at);
    listeners = atoi(argv[3]), at_once = atoi(argv[4]), greetings = atoi(argv[5]);
    request = argv[6], hello = argv[7], trigger = argv[8];
    does_resume = !strncmp(hello, "{\"type\":\"hello\"", 15);
    if (*argv[9]) {
        FILE *file = fopen(argv[9], "r");
        char line[256];
        while (file && fgets(line, sizeof line, file)) {
            line[strcspn(line, "\n")] = 0;
            tokens = realloc(tokens, (token_count + 1) * sizeof *tokens);
            tokens[token_count++] = strdup(line);
        }
    }
    srand48(time(NULL) ^ getpid());
    ep = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    fcntl(0, F_SETFL, O_NONBLOCK);
    epoll_ctl(ep, EPOLL_CTL_ADD, 0, &event);
    if (atoi(argv[2])) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        to.sin_port = htons(atoi(argv[2]));
        control = socket(AF_INET, SOCK_STREAM, 0);
        int one = 1;
        setsockopt(control, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(control, (struct sockaddr *)&to, sizeof to)) die("control");
        event.data.ptr = &control;
        epoll_ctl(ep, EPOLL_CTL_ADD, control, &event);
    }
    ears = calloc(listeners, sizeof *ears);
    for (int n = 0; n < listeners; n++) ears[n].number = n, ears[n].last = -1;
    double start = now(), looked_at = 0;
    int dialled = 0, is_ready = 0;
    static struct epoll_event found[1024];
    for (;;) {
        while (dialled < listeners && under_way < at_once) dial(&ears[dialled++]);
        if (!is_ready && live == listeners) {
            printf("{\"ready_s\":%.6f}\n", now() - start);
            is_ready = 1;
        }
        double at = now();
        if (at - looked_at > 0.005 && !is_stalled) {
            looked_at = at;
            for (int n = 0; n < dialled && live + under_way < dialled; n++)
                if (ears[n].state == LATE && ears[n].again_at <= at) dial(&ears[n]);
        }
        if (total && rate) while (started < total && began + started / rate <= at) start_one(began + started / rate);
        if (total && (done == total || at - began > 120)) answer_run();
        int wait = total && rate && started < total ? 1 : 5;
        int count = epoll_wait(ep, found, 1024, wait);
        for (int n = 0; n < count; n++) {
            char line[4096];
            long size;
            if (found[n].data.ptr == &control) {
                if (read(control, buffer, CHUNK) <= 0) exit(1);
            } else if (found[n].data.ptr) ready(found[n].data.ptr, found[n].events);
            else {
                if ((size = read(0, line, sizeof line - 1)) <= 0) return 0;
                line[size] = 0;
                obey(line);
            }
        }
    }
}
