/*
 * What anybody may send before Sluice knows who it is. The first byte of the input says how: raw,
 * the rest is what the server reads; or by a real client of OpenSSL's with one of several
 * certificates, the rest being a list of changes to the bytes it sends. What must hold is checked
 * after every step.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tls/client.h"
#include "tests/unit/tls/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)
#define WIRE  65536u
#define STEPS 64

/* The upper four bits: which certificate. */
enum mode {
	MODE_RAW = 0x01,     /* no client */
	MODE_1_2 = 0x02,     /* its highest version */
	MODE_PIECES = 0x04,  /* spans of a byte, writes of three */
	MODE_OPTIONAL = 0x08 /* nobody need show a certificate */
};

static struct world world;
static struct tls_set *required, *optional, *later;
static struct pki_cert certs[10];
static SSL_SESSION *ticket;

struct wire {
	uint8_t up[WIRE], down[WIRE];
	uint32_t head, tail, down_len;
	bool pieces, fin;
};

static unsigned peek(void *ctx, struct tls_span *v, unsigned n)
{
	struct wire *w = ctx;
	uint32_t len = w->tail - w->head, k = 0;

	if (len == 0)
		return 0;
	if (!w->pieces) {
		v[0] = (struct tls_span){w->up + w->head, len};
		return 1;
	}
	for (; k < n && k < len; k++)
		v[k] = (struct tls_span){w->up + w->head + k, 1};
	return k;
}

static void consume(void *ctx, uint32_t n)
{
	struct wire *w = ctx;

	MUST(n <= w->tail - w->head);
	w->head += n;
}

static uint32_t put(void *ctx, const void *data, uint32_t n)
{
	struct wire *w = ctx;

	if (w->pieces && n > 3)
		n = 3;
	if (n > WIRE - w->down_len)
		n = WIRE - w->down_len;
	memcpy(w->down + w->down_len, data, n);
	w->down_len += n;
	return n;
}

static bool ended(void *ctx)
{
	const struct wire *w = ctx;

	return w->fin && w->head == w->tail;
}

static const struct tls_transport transport = {peek, consume, put, ended};

static void on_trace(void *ctx, const char *line)
{
	(void)ctx;
	MUST(strlen(line) < 1024 && !strpbrk(line, "\n\r"));
}

static void check(struct tls_conn *c, enum tls_status status)
{
	struct tls_peer peer;
	struct tls_failure f;
	enum refusal_reason why;

	tls_conn_peer(c, &peer);
	for (const char *name = peer.names; *name; name += strlen(name) + 1)
		MUST(name + strlen(name) < peer.names + sizeof(peer.names) - 1);
	/* All sets here have one context; what is known is a chain that was looked at just now. */
	MUST(tls_conn_context(c) == 0);
	MUST(tls_conn_generation(c) == tls_set_generation(required) ||
		tls_conn_generation(c) == tls_set_generation(later));
	MUST(!tls_conn_chain_known(c) || !tls_conn_resumed(c));
	if (status == TLS_FAILED) {
		tls_conn_failure(c, &f);
		MUST(f.reason < REFUSAL_REASON_COUNT && f.detail[0]);
		MUST(!tls_conn_verified(c));
		MUST(tls_conn_handshake(c) == TLS_FAILED);
	}
	if (status == TLS_OK) {
		/* Nobody without a certificate of ours is taken for verified. */
		MUST(!tls_conn_verified(c) || peer.certificate);
		tls_conn_permitted(c, later, &why);
		tls_conn_permitted(c, required, &why);
	}
}

/* What comes after the handshake. */
static void read_on(struct tls_conn *c)
{
	static uint8_t plain[16384], binding[32];
	enum tls_status status;
	size_t n;

	for (unsigned i = 0; i < STEPS; i++) {
		status = tls_conn_read(c, plain, sizeof(plain), &n);
		MUST((status == TLS_OK) == (n > 0));
		if (status == TLS_OK)
			tls_conn_write(c, plain, n, &n);
		else if (status != TLS_AGAIN)
			break;
	}
	tls_conn_notified(c);
	tls_conn_binding(c, binding);
	tls_conn_close(c);
}

static enum tls_status shake(struct tls_conn *c)
{
	enum tls_status status;
	unsigned i = 0;

	do {
		status = tls_conn_handshake(c);
		MUST(status != TLS_CLOSED && i++ < STEPS);
		MUST(status == TLS_WAIT || tls_conn_weight(c) > 0);
	} while (status == TLS_AGAIN);
	check(c, status);
	return status;
}

static void run_raw(struct tls_conn *c, struct wire *w, const uint8_t *data, size_t size)
{
	if (size > WIRE)
		size = WIRE;
	memcpy(w->up, data, size);
	w->tail = (uint32_t)size;
	shake(c);
	w->fin = true;
	MUST(shake(c) == TLS_FAILED); /* without us nobody completes it */
}

/* Moves what the client says up, with the next change: where, and what is done to the byte. */
static void carry_up(struct tls_client *client, struct wire *w, const uint8_t **data, size_t *size)
{
	uint32_t len;

	if (w->head == w->tail)
		w->head = w->tail = 0;
	len = (uint32_t)tls_client_take(client, w->up + w->tail, (int)(WIRE - w->tail));
	if (len > 0 && *size >= 3) {
		uint32_t at = w->tail + (uint32_t)((*data)[0] << 8 | (*data)[1]) % len;

		w->up[at] ^= (*data)[2];
		*data += 3;
		*size -= 3;
	}
	w->tail += len;
}

static void run_client(
	struct tls_conn *c, struct wire *w, uint8_t mode, const uint8_t *data, size_t size)
{
	unsigned which = mode >> 4;
	struct tls_client_options o = {.max_version = mode & MODE_1_2 ? TLS1_2_VERSION : 0,
		.sni = which & 1 ? "logs.example" : NULL};
	struct tls_client client;
	enum tls_status status = TLS_WAIT;
	int rc = 0;

	if (which < 10)
		o.cert = &certs[which];
	if (which == 1)
		o.via = &world.sub;
	if (which == 12 && ticket) {
		o.cert = &world.device;
		o.session = ticket;
	}
	tls_client_open(&client, &o);
	for (unsigned i = 0; i < 8 && status == TLS_WAIT && rc >= 0; i++) {
		if (rc == 0)
			rc = tls_client_handshake(&client);
		carry_up(&client, w, &data, &size);
		status = shake(c);
		tls_client_feed(&client, w->down, (int)w->down_len);
		w->down_len = 0;
	}
	if (status == TLS_OK) {
		SSL_write(client.ssl, "<13>a log\n", 10);
		SSL_read(client.ssl, &(char){0}, 1); /* the ticket */
		carry_up(&client, w, &data, &size);
		read_on(c);
	}
	tls_client_close(&client);
}

static void make_ticket(void)
{
	struct tls_client client;
	struct tls_conn *c;
	static struct wire w;

	c = tls_conn_new(required, &transport, &w, NULL, NULL);
	MUST(c);
	tls_client_open(&client, &(struct tls_client_options){.cert = &world.device});
	for (unsigned i = 0; i < 4; i++) {
		w.head = w.tail = 0;
		tls_client_handshake(&client);
		w.tail = (uint32_t)tls_client_take(&client, w.up, WIRE);
		tls_conn_handshake(c);
		tls_client_feed(&client, w.down, (int)w.down_len);
		w.down_len = 0;
	}
	SSL_read(client.ssl, &(char){0}, 1);
	ticket = client.ticket;
	client.ticket = NULL;
	MUST(ticket);
	tls_conn_free(c);
	tls_client_close(&client);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct pki_options odd[] = {
		{.cn = WORLD_SERIAL, .from_s = -7200, .lasting_s = 3600},
		{.cn = WORLD_SERIAL, .from_s = 3600},
		{.cn = WORLD_SERIAL, .eku = "serverAuth"},
		{.cn = WORLD_SERIAL, .rsa_bits = 1024},
		{.cn = "a\nb",
			.o = "c/d",
			.san = "DNS:fw,email:a@b,URI:x:y,IP:192.0.2.1,otherName:1.2.3;"
			       "UTF8:" WORLD_SERIAL},
	};
	const struct pki_cert *revoked[] = {&world.device};
	char *crl;

	(void)argc, (void)argv;
	world_make(&world);
	certs[0] = world.device;
	certs[1] = world.device_of_sub; /* with its intermediate */
	certs[2] = world.device_of_sub; /* without */
	certs[3] = pki_issue(&world.other_root, &(struct pki_options){.cn = WORLD_SERIAL});
	for (unsigned i = 0; i < 5; i++)
		certs[4 + i] = pki_issue(&world.root, &odd[i]);
	certs[9] = pki_issue(NULL, &(struct pki_options){.cn = WORLD_SERIAL});
	crl = pki_crl_pem_for(&world.root, NULL, 0, "critical,onlyCA:TRUE"); /* for others */
	world.spec.crls_pem = crl;
	required = world_set(&world);
	world.spec.crls_pem = NULL;
	free(crl);
	world.spec.require_certificate = false;
	optional = world_set(&world);
	world.spec.require_certificate = true;
	crl = pki_crl_pem(&world.root, revoked, 1);
	world.spec.crls_pem = crl;
	later = world_set(&world);
	free(crl);
	make_ticket();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire w;
	struct tls_conn *c;
	uint8_t mode;

	if (size < 1)
		return 0;
	mode = data[0];
	memset(&w, 0, sizeof(w));
	w.pieces = mode & MODE_PIECES;
	/* 13: the one that was revoked */
	c = tls_conn_new(mode >> 4 == 13	? later
			 : mode & MODE_OPTIONAL ? optional
						: required,
		&transport, &w, on_trace, NULL);
	MUST(c);
	if (mode & MODE_RAW)
		run_raw(c, &w, data + 1, size - 1);
	else
		run_client(c, &w, mode >> 4 == 13 ? mode & 0x0f : mode, data + 1, size - 1);
	tls_conn_free(c);
	return 0;
}
