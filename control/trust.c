#include "control/trust.h"

#include "control/control.h"

void trust_changed(struct control *c, enum trust_change change)
{
	(void)c;
	(void)change;
}
