/* Numbers of the command line: what is out of its bounds is told what they are. */
#include <string.h>

#include "control/cli/cli.h"
#include "control/config/units.h"

bool cli_number(struct cli *cli, const char *what, const char *text, uint64_t least, uint64_t most,
	uint64_t *v)
{
	uint64_t n;

	if (unit_parse_number(text, &n) == UNIT_OK && n >= least && n <= most) {
		*v = n;
		return true;
	}
	cli_error(cli, "%s \"%s\": expected a whole number from %llu to %llu", what, text,
		(unsigned long long)least, (unsigned long long)most);
	return false;
}

bool cli_add_number(struct cli *cli, const struct args *args, const char *option, uint64_t least,
	uint64_t most, json_t *params)
{
	const char *text = args_option(args, option);
	char what[32];
	uint64_t v;

	if (!text)
		return true;
	snprintf(what, sizeof(what), "--%s", option);
	if (!cli_number(cli, what, text, least, most, &v))
		return false;
	json_object_set_new(params, option, json_integer((json_int_t)v));
	return true;
}
