#include "control/cli/cli.h"
#include "control/config/config.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv, CONFIG_DEFAULT_FILE, stdout, stderr);
}
