/* The physical limit: one send() per listener, in C, and nothing else. No people, no streams, no limits.

   loop JOINED      prints its port and its control port; each byte that comes in at the control port is one
                    message to all. With JOINED 1 what waits goes out in one send() per listener.      */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 20000, BODY = 600, AT_ONCE = 64 };
static int listeners[MOST], places[MOST * 2], count;
static char frames[AT_ONCE * (BODY + 4)], scratch[65536];
/* The load always sends the same key, so the answer is always this one. */
static const char welcome[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static int open_port(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, size) || listen(fd, 4096)) exit(1);
    getsockname(fd, (struct sockaddr *)&at, &size);
    *port = ntohs(at.sin_port);
    return fd;
}

static void tell(long messages) {
    for (int n = 0; n < count; n++) {
        const char *at = frames;
        long left = messages * (BODY + 4);
        while (left > 0) {
            long sent = send(listeners[n], at, left, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent < 0 && errno == EAGAIN) {
                struct pollfd full = {listeners[n], POLLOUT, 0};
                poll(&full, 1, 1000);
            } else if (sent < 0) break;
            else at += sent, left -= sent;
        }
    }
}

int main(int argc, char **argv) {
    int is_joined = argc > 1 && atoi(argv[1]), port, control_port, one = 1;
    int door = open_port(&port), side_door = open_port(&control_port), control = -1, ep = epoll_create1(0);
    for (int n = 0; n < AT_ONCE; n++) {
        char *frame = frames + n * (BODY + 4);
        memcpy(frame, "\x81\x7e", 2), frame[2] = BODY >> 8, frame[3] = BODY & 255;
        memset(frame + 4, 'x', BODY);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = door}, found[1024];
    epoll_ctl(ep, EPOLL_CTL_ADD, door, &event);
    event.data.fd = side_door;
    epoll_ctl(ep, EPOLL_CTL_ADD, side_door, &event);
    printf("%d %d\n", port, control_port);
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(ep, found, 1024, -1);
        for (int n = 0; n < ready; n++) {
            int fd = found[n].data.fd;
            if (fd == door || fd == side_door) {
                int new = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
                if (new < 0 || new >= MOST * 2) continue;
                setsockopt(new, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                event.data.fd = new;
                epoll_ctl(ep, EPOLL_CTL_ADD, new, &event);
                if (fd == side_door) control = new;
                places[new] = -1;
                continue;
            }
            long size = read(fd, scratch, sizeof scratch);
            if (size <= 0) {
                if (size < 0 && errno == EAGAIN) continue;
                if (fd == control) return 0;
                if (places[fd] >= 0) {
                    listeners[places[fd]] = listeners[--count];
                    places[listeners[count]] = places[fd];
                }
                close(fd);
            } else if (fd == control) {
                for (long left = size; left > 0;) {
                    long now = is_joined ? (left < AT_ONCE ? left : AT_ONCE) : 1;
                    tell(now);
                    left -= now;
                }
            } else if (places[fd] < 0 && memmem(scratch, size, "\r\n\r\n", 4) && count < MOST) {
                if (write(fd, welcome, sizeof welcome - 1) < 0) continue;
                places[fd] = count;
                listeners[count++] = fd;
            }
        }
    }
}
