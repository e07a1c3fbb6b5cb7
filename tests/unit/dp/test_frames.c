/*
 * Random and mutated frames into the port: nothing crashes, and the wire equation holds to the last
 * frame. Run as `test_frames COUNT [SEED]`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/base/bytes.h"
#include "tests/unit/dp/rig.h"

static struct rig rig;
static uint64_t count, seed;

static uint64_t next(void)
{
	/* splitmix64 */
	uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* A frame that comes far: right MACs and addresses, then one of everything, then mutations. */
static uint32_t make_frame(uint8_t *f, const uint8_t mac[6])
{
	static const uint8_t client_net[3] = {192, 0, 2}, server[4] = {192, 0, 2, 2};
	static const uint8_t protos[] = {1, 6, 17, 17, 6, 2, 58, 44, 0, 255};
	static const uint16_t types[] = {
		0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x0806, 0x8100, 0x1234};
	uint32_t len = 14 + (uint32_t)(next() % 1500);
	uint16_t type = types[next() % 8];

	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t r = next();

		memcpy(f + i, &r, 8);
	}
	memcpy(f, mac, 6);
	f[6] = 0x02;
	store_be16(f + 12, type);
	if (next() % 8 == 0)
		return len; /* noise behind a right Ethernet header */
	if (type == 0x0800 && len >= 34) {
		f[14] = 0x45;
		store_be16(f + 16, (uint16_t)(next() % 16 ? len - 14 : next()));
		store_be16(f + 20, next() % 4 ? 0x4000 : (uint16_t)next());
		f[22] = 64;
		f[23] = protos[next() % sizeof(protos)];
		memcpy(f + 26, client_net, sizeof(client_net));
		memcpy(f + 30, server, sizeof(server));
		store_be16(f + 24, 0);
		if (next() % 8) {
			uint32_t sum = 0;

			for (unsigned i = 14; i < 34; i += 2)
				sum += load_be16(f + i);
			sum = (sum & 0xffff) + (sum >> 16);
			sum = (sum & 0xffff) + (sum >> 16);
			store_be16(f + 24, (uint16_t)~sum);
		}
		if (f[23] == 17 && len >= 42) {
			store_be16(f + 36, 514);
			store_be16(f + 38, (uint16_t)(len - 34));
			store_be16(f + 40, 0); /* no checksum */
			if (next() % 4 == 0) {
				f[42] = 0xec;
				f[43] = 0xcf;
			}
		}
		if (f[23] == 6 && len >= 54) {
			struct ip_addr src = ip_addr_v4(f + 26), dst = ip_addr_v4(f + 30);
			uint16_t l4;

			store_be16(f + 36, 514);
			f[46] = (uint8_t)((5 + next() % 11) << 4);
			store_be16(f + 50, 0);
			l4 = net_l4_checksum(&src, &dst, 6, f + 34, len - 34);
			memcpy(f + 50, &l4, 2);
		}
	}
	if (next() % 4 == 0)
		f[next() % len] ^= (uint8_t)(1u << (next() % 8));
	return next() % 16 ? len : (uint32_t)(next() % (len + 1));
}

static void every_frame_is_accepted_or_rejected_with_a_reason(void **state)
{
	uint8_t frame[1600];
	struct dp_port_info info;
	struct dp_account total;

	(void)state;
	dp_ports(rig.dp, &info, 1);
	for (uint64_t i = 0; i < count; i++) {
		uint32_t len = make_frame(frame, info.mac);

		rig_frame(&rig, frame, len);
		if (i % 64 == 0)
			rig_pump(&rig);
	}
	rig_wait_frames(&rig);
	rig_check_equations(&rig);
	/* And it still works. */
	dp_account_total(rig.dp, &total);
	rig_udp(&rig, 77, 5000, 514, "<13>alive", 9);
	rig_wait_stored(&rig, total.stored + total.pending + 1);
	rig_check_equations(&rig);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_is_accepted_or_rejected_with_a_reason),
	};
	int rc;

	count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
	printf("%lu frames from seed %lu\n", count, seed);
	rig_start(&rig, &(struct rig_options){.lcores = RIG_ONE});
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rig_stop(&rig);
	rig_clean(&rig);
	return rc;
}
