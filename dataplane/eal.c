/* EAL and the placement of lcores on CPUs (DESIGN section 2). */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "dataplane/hugepages.h"
#include "dataplane/lcore.h"

#define EAL_ARG_SIZE 768 /* the longest is the list of lcores */
#define EAL_MAX_ARGS (DP_MAX_EAL_ARGS + 2 * DP_MAX_PORTS + 32)

static unsigned usable_cpus(uint16_t *cpus, unsigned max)
{
	cpu_set_t set;
	unsigned n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) != 0) {
		cpus[0] = 0;
		return 1;
	}
	for (unsigned i = 0; i < CPU_SETSIZE && n < max; i++)
		if (CPU_ISSET(i, &set))
			cpus[n++] = (uint16_t)i;
	return n;
}

void placement(struct dp_config *cfg)
{
	uint16_t cpus[DP_MAX_LCORES];
	unsigned n = usable_cpus(cpus, DP_MAX_LCORES);
	unsigned rx = n < 4 ? 1 : n / 4;
	unsigned workers = n < 4 ? 1 : n / 2;

	/* The first CPU is for control, journal and, on small machines, the worker. */
	if (cfg->cores.rx_count == 0) {
		cfg->cores.rx_count = rx;
		for (unsigned i = 0; i < rx; i++)
			cfg->cores.rx[i] = cpus[n == 1 ? 0 : 1 + i];
	}
	if (cfg->cores.workers_count == 0) {
		cfg->cores.workers_count = workers;
		for (unsigned i = 0; i < workers; i++)
			cfg->cores.workers[i] =
				n < 3 ? cpus[0] : cpus[1 + rx + i < n ? 1 + rx + i : 0];
	}
	if (cfg->cores.compressors < 0)
		cfg->cores.compressors = n < 4 ? 1 : (int)n / 4;
}

/* EAL keeps pointers into its arguments, and is initialised once in a process. */
struct arg_list {
	char text[EAL_MAX_ARGS][EAL_ARG_SIZE];
	char *v[EAL_MAX_ARGS];
	int n;
};
static struct arg_list eal_args;

__attribute__((format(printf, 2, 3))) static void arg_add(struct arg_list *a, const char *fmt, ...)
{
	va_list ap;

	if (a->n >= EAL_MAX_ARGS - 1)
		return;
	va_start(ap, fmt);
	vsnprintf(a->text[a->n], EAL_ARG_SIZE, fmt, ap);
	va_end(ap);
	a->v[a->n] = a->text[a->n];
	a->n++;
}

/* A PCI address ("0000:00:04.0", "00:04.0", perhaps with arguments) or a virtual device. */
bool devargs_is_pci(const char *devargs)
{
	unsigned a, b, c, d;

	return sscanf(devargs, "%x:%x:%x.%x", &a, &b, &c, &d) == 4 ||
	       sscanf(devargs, "%x:%x.%x", &b, &c, &d) == 3;
}

static void note(char *notes, size_t size, const char *text)
{
	size_t used;

	if (!notes)
		return;
	used = strlen(notes);
	snprintf(notes + used, size - used, "%s\n", text);
}

static void add_lcore(struct dp *d, unsigned cpu, bool rx, bool worker)
{
	struct lcore *l = rte_zmalloc("lcore", sizeof(*l), RTE_CACHE_LINE_SIZE);

	if (!l)
		return;
	l->dp = d;
	l->index = d->lcores_count;
	l->lcore_id = l->index + 1;
	l->cpu = cpu;
	l->is_rx = rx;
	l->is_worker = worker;
	l->waker.fd = -1;
	d->lcores[d->lcores_count++] = l;
	if (rx)
		d->rxs[d->rx_count++] = l;
	if (worker)
		d->workers[d->workers_count++] = l;
}

static bool one_for_all(const struct dp_config *cfg)
{
	return cfg->cores.rx_count == 1 && cfg->cores.workers_count == 1 &&
	       cfg->cores.rx[0] == cfg->cores.workers[0];
}

static void make_lcores(struct dp *d)
{
	const struct dp_config *cfg = &d->cfg;

	if (one_for_all(cfg)) {
		add_lcore(d, cfg->cores.rx[0], true, true);
		return;
	}
	for (unsigned i = 0; i < cfg->cores.rx_count; i++)
		add_lcore(d, cfg->cores.rx[i], true, false);
	for (unsigned i = 0; i < cfg->cores.workers_count; i++)
		add_lcore(d, cfg->cores.workers[i], false, true);
}

/* CPUs that are not there; EAL's own words for it are many. */
static bool cpus_there(const struct dp_config *cfg, struct dp_error *err)
{
	const struct {
		const char *key;
		unsigned count;
		const uint16_t *cpu;
	} lists[] = {{"rx", cfg->cores.rx_count, cfg->cores.rx},
		{"workers", cfg->cores.workers_count, cfg->cores.workers}};
	long last = sysconf(_SC_NPROCESSORS_CONF) - 1;

	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < lists[k].count; i++)
			if (lists[k].cpu[i] > last) {
				snprintf(err->text, sizeof(err->text),
					"cores.%s[%u]: no CPU %u here, they are 0 to %ld",
					lists[k].key, i, lists[k].cpu[i], last);
				return false;
			}
	return true;
}

/* "0@0,1@1,2@0": control first, then rx, then workers, each on its CPU. */
static void lcore_list(const struct dp_config *cfg, char *text, size_t size)
{
	unsigned n = one_for_all(cfg) ? 1 : cfg->cores.rx_count + cfg->cores.workers_count;
	uint16_t first = 0;
	int at;

	usable_cpus(&first, 1);
	at = snprintf(text, size, "0@%d", first);
	for (unsigned i = 0; i < n; i++) {
		int cpu = i < cfg->cores.rx_count ? cfg->cores.rx[i]
						  : cfg->cores.workers[i - cfg->cores.rx_count];

		at += snprintf(text + at, size - (size_t)at, ",%u@%d", i + 1, cpu);
	}
}

int eal_start(struct dp *d, char *notes, size_t notes_size, struct dp_error *err)
{
	const struct dp_config *cfg = &d->cfg;
	struct arg_list *a = &eal_args;
	bool huge = cfg->eal.huge == DP_HUGE_ON, any_pci = false;
	char lcores[16 * (DP_MAX_LCORES + 1)];
	unsigned wanted = one_for_all(cfg) ? 1 : cfg->cores.rx_count + cfg->cores.workers_count;
	int at, rc;

	if (wanted + 1 > DP_MAX_LCORES) {
		snprintf(err->text, sizeof(err->text), "cores: %u lcores, at most %d", wanted,
			DP_MAX_LCORES - 1);
		return -1;
	}
	hugepages_reclaim(cfg->eal.file_prefix);
	if (cfg->eal.huge == DP_HUGE_AUTO) {
		huge = hugepages_free(cfg->eal.memory_mib);
		if (!huge)
			note(notes, notes_size,
				"no free hugepages: running without (--no-huge), slower");
	} else if (huge && !hugepages_free(cfg->eal.memory_mib)) {
		snprintf(err->text, sizeof(err->text),
			"eal: no hugepages: %u MiB wanted (eal.memory), but not free or no "
			"hugetlbfs "
			"mounted; write /proc/sys/vm/nr_hugepages, or set eal.huge to auto",
			cfg->eal.memory_mib);
		return -1;
	}

	if (!cpus_there(cfg, err))
		return -1;
	lcore_list(cfg, lcores, sizeof(lcores));
	arg_add(a, "sluiced");
	arg_add(a, "--lcores=%s", lcores);
	arg_add(a, "--main-lcore=0");
	arg_add(a, "--log-level=lib.*:warning");
	arg_add(a, "--log-level=pmd.*:warning");
	if (cfg->eal.file_prefix[0])
		arg_add(a, "--file-prefix=%s", cfg->eal.file_prefix);
	if (huge)
		arg_add(a, "--socket-mem=%u", cfg->eal.memory_mib);
	else {
		arg_add(a, "--no-huge");
		arg_add(a, "-m");
		arg_add(a, "%u", cfg->eal.memory_mib);
		arg_add(a, "--iova-mode=va");
	}
	if (!cfg->telemetry)
		arg_add(a, "--no-telemetry");
	/* Virtual devices are made one by one afterwards, so that an error names the port. */
	for (unsigned i = 0; i < cfg->ports_count; i++) {
		if (!devargs_is_pci(cfg->ports[i].devargs))
			continue;
		arg_add(a, "--allow=%s", cfg->ports[i].devargs);
		any_pci = true;
	}
	if (!any_pci)
		arg_add(a, "--no-pci");
	for (unsigned i = 0; i < cfg->eal.args_count; i++)
		arg_add(a, "%s", cfg->eal.args[i]);

	rc = rte_eal_init(a->n, a->v);
	if (rc < 0 && rte_errno == EALREADY)
		rc = 0; /* a test has made EAL, with the ports that it wants */
	if (rc < 0) {
		at = snprintf(err->text, sizeof(err->text),
			"eal: %s (arguments:", rte_strerror(rte_errno));
		for (int i = 1; i < a->n && at > 0 && (size_t)at < sizeof(err->text); i++)
			at += snprintf(
				err->text + at, sizeof(err->text) - (size_t)at, " %s", a->v[i]);
		if ((size_t)at < sizeof(err->text))
			snprintf(err->text + at, sizeof(err->text) - (size_t)at,
				"); what DPDK said stands above");
	}
	if (rc < 0)
		return -1;
	make_lcores(d);
	if (d->lcores_count != wanted) {
		snprintf(err->text, sizeof(err->text), "eal: out of memory for %u lcores", wanted);
		return -1;
	}
	return 0;
}
