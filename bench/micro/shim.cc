// The cases of micro.h under Google Benchmark.
#include <benchmark/benchmark.h>

#include <string>

#include "bench/micro/micro.h"

static void run(benchmark::State &state, const struct micro *m, int64_t arg)
{
	struct micro_ctx *ctx = m->setup(arg);

	if (!ctx) {
		state.SkipWithError("setup failed");
		return;
	}
	for (auto _ : state)
		m->once(ctx);
	state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(ctx->items));
	if (ctx->bytes)
		state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(ctx->bytes));
	state.SetLabel(ctx->label);
	m->teardown(ctx);
}

static void add(const struct micro_list &list)
{
	for (unsigned i = 0; i < list.count; i++) {
		const struct micro *m = &list.cases[i];

		for (unsigned a = 0; a == 0 || a < m->args_count; a++) {
			std::string name = m->name;
			int64_t arg = m->args[a];

			if (m->args_count)
				name += std::string("/") + m->arg_name + ":" + std::to_string(arg);
			benchmark::RegisterBenchmark(name.c_str(),
				[m, arg](benchmark::State &state) { run(state, m, arg); });
		}
	}
}

int main(int argc, char **argv)
{
	for (const auto *list :
		{&micro_wire, &micro_text, &micro_secure, &micro_handshake, &micro_ledger, &micro_store})
		add(*list);
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
