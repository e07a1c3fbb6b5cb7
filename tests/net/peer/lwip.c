/*
 * peer-lwip TAP OWN4 HOST4 OWN6 HOST6 LEN SEED
 * peer-lwip TAP OWN4 serve OWN6 HOST6
 *
 * lwIP, the TCP/IP stack of small devices, as a client of peer-host: another foreign stack, without
 * SACK and timestamps, with coarse timers. It takes OWN4/24 and OWN6/64 on the TAP, and over either
 * family sends LEN random bytes to port 514 of the host for its echo, then closes its half and
 * reads until the host has closed. All must be there, byte for byte. Says in JSON how much came
 * back.
 *
 * With `serve` it is the server: an echo on port 514, a connection over IPv4 and then one over
 * IPv6. Says "ready"; it ends by SIGTERM, and says in JSON how many bytes it has sent back.
 */
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lwip/inet.h>
#include <lwip/netif.h>
#include <lwip/sockets.h>
#include <lwip/tcpip.h>
#include <netif/tapif.h>

#define PORT 514
/* Debian 12's library makes its buffers for frames smaller (592 bytes) than it believes they are.
 */
#define MTU 560

static struct netif port;
static sys_sem_t up;

static uint8_t random_byte(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	return (uint8_t)(z >> 56);
}

/* In lwIP's own thread. */
static void dress(void *arg)
{
	char **words = arg;
	ip4_addr_t own, mask, none;
	ip6_addr_t own6;
	s8_t slot;

	ip4_addr_set_zero(&none);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	if (!ip4addr_aton(words[2], &own) || !ip6addr_aton(words[4], &own6))
		errx(2, "not an address");
	if (!netif_add(&port, &own, &mask, &none, NULL, tapif_init, tcpip_input))
		errx(1, "no interface %s", words[1]);
	port.mtu = port.mtu6 = MTU;
	netif_set_default(&port);
	netif_set_up(&port);
	netif_set_link_up(&port);
	netif_create_ip6_linklocal_address(&port, 1);
	if (netif_add_ip6_address(&port, &own6, &slot) != ERR_OK)
		errx(1, "no place for %s", words[4]);
	netif_ip6_addr_set_state(&port, 0, IP6_ADDR_PREFERRED);
	netif_ip6_addr_set_state(&port, slot, IP6_ADDR_PREFERRED);
	sys_sem_signal(&up);
}

static int connect_to(const char *host)
{
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = lwip_htons(PORT)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = lwip_htons(PORT)};
	bool six = strchr(host, ':') != NULL;
	int fd = lwip_socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		errx(1, "no socket");
	if (six ? !inet_pton(AF_INET6, host, &to6.sin6_addr)
		: !inet_pton(AF_INET, host, &to4.sin_addr))
		errx(2, "not an address: %s", host);
	if (six ? lwip_connect(fd, (struct sockaddr *)&to6, sizeof(to6))
		: lwip_connect(fd, (struct sockaddr *)&to4, sizeof(to4)))
		errx(1, "no connection to %s", host);
	return fd;
}

/* How many bytes came back; ends the program where one of them is not as it was sent. */
static size_t echo(const char *host, size_t len, uint64_t seed)
{
	uint8_t *sent = malloc(len + 1), *back = malloc(len + 1);
	int fd = connect_to(host);
	size_t done = 0;
	ssize_t n;

	if (!sent || !back)
		err(1, "memory");
	sent[0] = 'E';
	for (size_t i = 1; i <= len; i++)
		sent[i] = random_byte(&seed);
	while (done < len + 1) {
		n = lwip_send(fd, sent + done, len + 1 - done, 0);
		if (n <= 0)
			errx(1, "sent %zu of %zu bytes to %s", done, len, host);
		done += (size_t)n;
	}
	if (lwip_shutdown(fd, SHUT_WR) != 0)
		errx(1, "shutdown");
	done = 0;
	while ((n = lwip_recv(fd, back + done, len + 1 - done, 0)) > 0)
		done += (size_t)n;
	if (n < 0)
		errx(1, "%s ended after %zu bytes", host, done);
	if (done != len || memcmp(sent + 1, back, len) != 0)
		errx(1, "%zu bytes came from %s, not the %zu that were sent", done, host, len);
	lwip_close(fd);
	free(sent);
	free(back);
	return done;
}

static int listen_on(bool six)
{
	struct sockaddr_in6 own6 = {.sin6_family = AF_INET6, .sin6_port = lwip_htons(PORT)};
	struct sockaddr_in own4 = {.sin_family = AF_INET, .sin_port = lwip_htons(PORT)};
	int fd = lwip_socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0), one = 1;

	/* Of IPv6 alone: the other socket has the same port. */
	if (fd < 0 ||
		(six && lwip_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
		(six ? lwip_bind(fd, (struct sockaddr *)&own6, sizeof(own6))
		     : lwip_bind(fd, (struct sockaddr *)&own4, sizeof(own4))) != 0 ||
		lwip_listen(fd, 4) != 0)
		errx(1, "nothing listens");
	return fd;
}

/* Sends back what comes behind the first byte, until the peer has closed; how many bytes. */
static size_t serve(int listener)
{
	int fd = lwip_accept(listener, NULL, NULL);
	uint8_t bytes[2048];
	bool first = true;
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		errx(1, "nobody comes");
	while ((n = lwip_recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		for (ssize_t at = first, put; at < n; at += put, done += (size_t)put) {
			put = lwip_send(fd, bytes + at, (size_t)(n - at), 0);
			if (put <= 0)
				errx(1, "%zu bytes were sent back, and no more", done);
		}
		first = false;
	}
	if (n < 0)
		errx(1, "the peer ended after %zu bytes", done);
	lwip_close(fd); /* it still sends what is left */
	return done;
}

/*
 * Debian's library does not answer when it is asked for its IPv6 address, as it joins no group; the
 * host learns it where lwIP asks for the host's, to send this.
 */
static void show_up(const char *host)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = lwip_htons(9)};
	int fd = lwip_socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0 || !inet_pton(AF_INET6, host, &to.sin6_addr) ||
		lwip_sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1)
		errx(1, "nothing can be sent to %s", host);
}

static int serve_both(char **argv)
{
	int four, six, sig;
	size_t done;
	sigset_t end;

	/* Before lwIP's threads are there: they inherit it. */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	tcpip_init(dress, argv);
	sys_sem_wait(&up);
	four = listen_on(false);
	six = listen_on(true);
	printf("ready\n");
	fflush(stdout);
	show_up(argv[5]);
	done = serve(four);
	done += serve(six);
	if (sigwait(&end, &sig) != 0)
		errx(1, "sigwait");
	printf("{\"echoed\": %zu}\n", done);
	fflush(stdout);
	_exit(0);
}

int main(int argc, char **argv)
{
	bool server = argc == 6 && strcmp(argv[3], "serve") == 0;
	size_t len, four, six;
	uint64_t seed;

	if (server) {
		setenv("PRECONFIGURED_TAPIF", argv[1], 1);
		if (sys_sem_new(&up, 0) != ERR_OK)
			errx(1, "no semaphore");
		return serve_both(argv);
	}
	if (argc != 8)
		errx(2, "usage: peer-lwip TAP OWN4 HOST4 OWN6 HOST6 LEN SEED");
	len = strtoul(argv[6], NULL, 10);
	seed = strtoull(argv[7], NULL, 10);
	setenv("PRECONFIGURED_TAPIF", argv[1], 1); /* where lwIP's port to Unix looks for it */
	if (sys_sem_new(&up, 0) != ERR_OK)
		errx(1, "no semaphore");
	tcpip_init(dress, argv);
	sys_sem_wait(&up);
	four = echo(argv[3], len, seed);
	six = echo(argv[5], len, seed + 1);
	printf("{\"ipv4\": %zu, \"ipv6\": %zu}\n", four, six);
	fflush(stdout);
	_exit(0); /* lwIP's threads do not end */
}
