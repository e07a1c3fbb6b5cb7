#include "send/hint.h"

#include <stddef.h>
#include <string.h>

const char *hint_for(const char *slug)
{
	static const char *const hints[][2] = {
		{"no_certificate", "`set certificate` names a file with certificate and key; "
				   "`sluicectl cert issue SERIAL` there makes one"},
		{"no_legal_sn",
			"the serial number, which is the certificate's common name unless "
			"`device-serial` says another, must be one by auth.serial-pattern there, "
			"as FGT60F0000000001 or WEB-0001: `sluicectl cert issue SERIAL` there "
			"makes a certificate for one"},
		{"sn_mismatch", "leave `device-serial` out, or give this device the certificate "
				"of that serial number"},
		{"not_authorized", "`sluicectl device authorize SERIAL` there lets it in"},
		{"denied", "`sluicectl device show SERIAL` there says who has, and `device "
			   "authorize` takes it back"},
		{"duplicate_serial", "give each device a serial number and certificate of its "
				     "own; a copy of this host has the same"},
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strcmp(slug, hints[i][0]) == 0)
			return hints[i][1];
	return NULL;
}
