/*
 * What no sender should do, to see that a receiver bears it while good senders go on:
 *
 *   half-frame       connections that begin a log and never end it
 *   wrong-count      octet counts that are wrong: too large, too small, with leading zeros
 *   reconnect-storm  connections of one log each, ended by FIN and by RST in turn
 *   tiny-segments    good logs, a byte a segment (those are to be stored: the report says which)
 *   out-of-window    segments of a good connection with sequence numbers far off (needs root)
 *   stalled-handshake  connections that begin a ClientHello and never end it
 *   slow-reader      RELP: logs without end, and never a look at the answers
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/load.h"
#include "dataplane/base/bytes.h"

struct evil {
	struct load_options o;
	const struct lines *lines;
	uint64_t end_ns;
	uint64_t connections, refused, closed_by_peer, logs, segments;
	uint64_t sent_by_flow[1024];
};

static bool going(const struct evil *e)
{
	return load_now_ns() < e->end_ns;
}

static int dial(struct evil *e, uint32_t flow)
{
	int fd = load_socket(&e->o, flow, SOCK_STREAM);

	if (fd < 0)
		e->refused++;
	else
		e->connections++;
	return fd;
}

/* All of it, waiting for room; false: the peer has closed. */
static bool push(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
		struct pollfd pf = {.fd = fd, .events = POLLOUT};

		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0 && poll(&pf, 1, 1000) <= 0)
			return false;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static void doze(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&ts, NULL);
}

/* Has the peer ended it? */
static bool ended(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* Each connection says what `begin` gives it and then nothing more until time is over. */
static void stay(struct evil *e, void (*begin)(struct evil *e, uint32_t flow, int fd))
{
	int *fds = calloc(e->o.plan.flows, sizeof(*fds));

	if (!fds)
		return;
	for (uint32_t f = 0; f < e->o.plan.flows; f++) {
		fds[f] = dial(e, f);
		if (fds[f] >= 0)
			begin(e, f, fds[f]);
	}
	while (going(e))
		doze(20);
	for (uint32_t f = 0; f < e->o.plan.flows; f++) {
		if (fds[f] < 0)
			continue;
		e->closed_by_peer += ended(fds[f]);
		close(fds[f]);
	}
	free(fds);
}

static void begin_frame(struct evil *e, uint32_t flow, int fd)
{
	char line[LINES_MAX];
	uint32_t len = lines_write(e->lines, flow, 0, line);

	if (flow % 2)
		push(fd, "1000 ", 5);
	push(fd, line, len / 2);
}

static void half_frame(struct evil *e)
{
	stay(e, begin_frame);
}

/* A record of 512 bytes with a ClientHello, of which a part comes. */
static void begin_hello(struct evil *e, uint32_t flow, int fd)
{
	static const uint8_t hello[16] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};

	(void)e;
	push(fd, hello, 1 + flow % sizeof(hello));
}

static void stalled_handshake(struct evil *e)
{
	stay(e, begin_hello);
}

static void slow_reader(struct evil *e)
{
	static const char open[] = "1 open 31 relp_version=0\ncommands=syslog\n\n";
	int fd = dial(e, 0), small = 4096;
	bool takes = fd >= 0;

	if (!takes)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	push(fd, open, sizeof(open) - 1);
	for (uint32_t n = 0; going(e); n++) {
		char frame[LINES_MAX + 32], line[LINES_MAX];
		uint32_t len = lines_write(e->lines, 0, n, line);
		int head = snprintf(frame, sizeof(frame), "%u syslog %u ", n + 2, len);

		if (!takes) {
			doze(20);
			continue;
		}
		memcpy(frame + head, line, len);
		frame[(uint32_t)head + len] = '\n';
		takes = push(fd, frame, (uint32_t)head + len + 1);
		e->logs += takes;
	}
	close(fd);
}

static void wrong_count(struct evil *e)
{
	static const char *const counts[] = {
		"9999999 ", "3 ", "0300 ", "12345678 ", "-5 ", "500", "5 5 "};

	for (uint32_t n = 0; going(e); n++) {
		char line[LINES_MAX], head[32];
		uint32_t len = lines_write(e->lines, 0, n, line);
		int fd = dial(e, 0);
		/* The first frame is right, so that the connection is one of counted frames. */
		int k = snprintf(head, sizeof(head), "6 <1>abc");

		if (fd < 0) {
			doze(10);
			continue;
		}
		if (push(fd, head, (size_t)k)) {
			const char *count = counts[n % (sizeof(counts) / sizeof(counts[0]))];
			struct pollfd p = {.fd = fd, .events = POLLIN};

			push(fd, count, strlen(count));
			push(fd, line, len);
			shutdown(fd, SHUT_WR);
			poll(&p, 1, 1000);
			e->closed_by_peer += ended(fd);
		}
		close(fd);
	}
}

static void reconnect_storm(struct evil *e)
{
	for (uint64_t n = 0; going(e); n++) {
		char line[LINES_MAX + 1];
		uint32_t len = lines_write(e->lines, 0, n, line);
		struct linger reset = {.l_onoff = 1};
		int fd = dial(e, 0);

		if (fd < 0) {
			doze(1);
			continue;
		}
		line[len] = '\n';
		e->logs += push(fd, line, len + 1);
		if (n % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
}

static void tiny_segments(struct evil *e)
{
	int fd = dial(e, 0), one = 1;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (going(e)) {
		char line[LINES_MAX + 1];
		uint32_t len = lines_write(e->lines, 0, e->sent_by_flow[0], line);

		line[len] = '\n';
		for (uint32_t i = 0; i <= len; i++)
			if (!push(fd, line + i, 1)) {
				e->closed_by_peer++;
				close(fd);
				return;
			}
		e->segments += len + 1;
		e->sent_by_flow[0]++;
		e->logs++;
	}
	shutdown(fd, SHUT_WR);
	poll(&p, 1, 10000);
	close(fd);
}

static uint16_t tcp_sum(const struct sockaddr_in *from, const struct sockaddr_in *to,
	const uint8_t *segment, uint32_t len)
{
	uint32_t sum = IPPROTO_TCP + len;
	const uint8_t *a = (const uint8_t *)&from->sin_addr, *b = (const uint8_t *)&to->sin_addr;

	for (unsigned i = 0; i < 4; i += 2)
		sum += load_be16(a + i) + (uint32_t)load_be16(b + i);
	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += load_be16(segment + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The next sequence number of a connection of ours: the kernel tells it in repair mode. */
static bool sequence_of(int fd, uint32_t *seq)
{
	int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF_NO_WP, queue = TCP_SEND_QUEUE;
	socklen_t len = sizeof(*seq);
	bool known;

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) != 0)
		return false;
	known = setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) == 0 &&
		getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, seq, &len) == 0;
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
	return known;
}

static void out_of_window(struct evil *e)
{
	static const uint32_t off[] = {0x40000000, 0x80000000, 0xc0000000, 0x7fffffff};
	static const uint8_t flags[] = {
		0x10, 0x18, 0x14, 0x11, 0x12}; /* ACK with PSH, RST, FIN, SYN */
	struct sockaddr_in from = {0}, to = {0};
	socklen_t len = sizeof(from);
	int fd = dial(e, 0);
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	uint32_t seq = 0;

	if (fd < 0 || raw < 0 || !sequence_of(fd, &seq) ||
		getsockname(fd, (struct sockaddr *)&from, &len) != 0 ||
		getpeername(fd, (struct sockaddr *)&to, &len) != 0 || from.sin_family != AF_INET) {
		fprintf(stderr, "sluice-load: out-of-window needs IPv4 and root: %s\n",
			strerror(errno));
		e->refused++;
	} else {
		for (uint32_t n = 0; going(e); n++) {
			uint8_t s[20] = {0};
			struct sockaddr_in dst = to;

			dst.sin_port = 0;
			memcpy(s, &from.sin_port, 2);
			memcpy(s + 2, &to.sin_port, 2);
			store_be32(s + 4, seq + off[n % 4] + n);
			s[12] = 5 << 4;
			s[13] = flags[n % 5];
			store_be16(s + 14, 1000);
			store_be16(s + 16, tcp_sum(&from, &to, s, sizeof(s)));
			if (sendto(raw, s, sizeof(s), 0, (struct sockaddr *)&dst, sizeof(dst)) > 0)
				e->segments++;
			if (n % 64 == 63)
				doze(1);
		}
		/* Unharmed, it takes a log. */
		char line[LINES_MAX + 1];
		uint32_t n = lines_write(e->lines, 0, 0, line);

		line[n] = '\n';
		if (push(fd, line, n + 1) && !ended(fd)) {
			e->sent_by_flow[0] = 1;
			e->logs++;
		} else {
			e->closed_by_peer++;
		}
	}
	if (fd >= 0) {
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	if (raw >= 0)
		close(raw);
}

static const struct {
	const char *name;
	void (*run)(struct evil *e);
} modes[] = {
	{"half-frame", half_frame},
	{"wrong-count", wrong_count},
	{"reconnect-storm", reconnect_storm},
	{"tiny-segments", tiny_segments},
	{"out-of-window", out_of_window},
	{"stalled-handshake", stalled_handshake},
	{"slow-reader", slow_reader},
};

static int usage(void)
{
	fputs("usage: sluice-load evil MODE --target ADDRESS [--port N] [--connections N] "
	      "[--duration S] [--json FILE]\nmodes:",
		stderr);
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		fprintf(stderr, " %s", modes[i].name);
	fputc('\n', stderr);
	return 2;
}

static int report(const struct evil *e, const char *mode)
{
	json_t *flows = json_array();
	json_t *j;
	int bad = 0;

	for (uint32_t f = 0; f < e->o.plan.flows; f++)
		json_array_append_new(flows, json_integer((json_int_t)e->sent_by_flow[f]));
	j = json_pack("{s:i,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "schema", 1, "mode", mode,
		"connections", (json_int_t)e->connections, "refused", (json_int_t)e->refused,
		"closed_by_peer", (json_int_t)e->closed_by_peer, "logs", (json_int_t)e->logs,
		"segments", (json_int_t)e->segments, "seed", (json_int_t)e->o.seed, "templates",
		(json_int_t)lines_count(e->lines), "devices", (json_int_t)e->o.plan.devices,
		"sent_by_flow", flows);
	json_dumpf(j, stdout, 0);
	putchar('\n');
	if (e->o.json && json_dump_file(j, e->o.json, JSON_INDENT(1)) != 0)
		bad = 1;
	json_decref(j);
	return bad || e->connections == 0 ? 1 : 0;
}

int load_evil_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"target", required_argument, NULL, 't'},
		{"port", required_argument, NULL, 'p'},
		{"connections", required_argument, NULL, 'c'},
		{"duration", required_argument, NULL, 'd'},
		{"json", required_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct evil e = {.o = {.port = 514, .plan = {1, 1}, .duration_s = 5, .seed = 1}};
	struct lines *lines;
	unsigned mode = 0;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			e.o.target = optarg;
			break;
		case 'p':
			e.o.port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			e.o.plan.flows = e.o.plan.devices = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			e.o.duration_s = strtod(optarg, NULL);
			break;
		case 'j':
			e.o.json = optarg;
			break;
		default:
			return usage();
		}
	}
	while (optind + 1 == argc && mode < sizeof(modes) / sizeof(modes[0]) &&
		strcmp(argv[optind], modes[mode].name) != 0)
		mode++;
	if (optind + 1 != argc || mode == sizeof(modes) / sizeof(modes[0]) || !e.o.target ||
		e.o.plan.flows == 0 || e.o.plan.flows > 1024 || e.o.port == 0)
		return usage();
	lines = lines_new(e.o.seed, 4096, &e.o.plan);
	if (!lines)
		return 1;
	e.lines = lines;
	e.end_ns = load_now_ns() + (uint64_t)(e.o.duration_s * 1e9);
	modes[mode].run(&e);
	status = report(&e, modes[mode].name);
	lines_free(lines);
	return status;
}
