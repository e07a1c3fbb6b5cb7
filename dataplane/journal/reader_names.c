#include "dataplane/framing/framing.h"
#include "dataplane/journal/reader.h"

const char *journal_transport_name(uint8_t transport)
{
	static const char *const name[] = {
		[TRANSPORT_INTERNAL] = "internal",
		[TRANSPORT_UDP] = "udp",
		[TRANSPORT_TCP] = "tcp",
		[TRANSPORT_TLS] = "tls",
		[TRANSPORT_RELP] = "relp",
		[TRANSPORT_RELP_TLS] = "relp-tls",
		[TRANSPORT_OFTP] = "oftp",
		[TRANSPORT_ECCF] = "eccf",
	};

	return transport < sizeof(name) / sizeof(name[0]) ? name[transport] : "unknown";
}

unsigned journal_flag_names(uint8_t flags, const char **names, unsigned n)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} all[] = {
		{LOG_FLAG_CUT, "cut"},
		{LOG_FLAG_LF, "lf"},
		{LOG_FLAG_CRLF, "crlf"},
		{LOG_FLAG_NUL, "nul"},
		{LOG_FLAG_COUNTED, "counted"},
		{LOG_FLAG_LATE, "late"},
		{LOG_FLAG_PARTIAL, "partial"},
		{LOG_FLAG_BATCH, "batch"},
	};
	unsigned got = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]) && got < n; i++)
		if (flags & all[i].flag)
			names[got++] = all[i].name;
	return got;
}
