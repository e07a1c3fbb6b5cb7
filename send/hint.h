/* What is to be done about a refusal, for who runs the device's side. */
#ifndef SLUICE_SEND_HINT_H
#define SLUICE_SEND_HINT_H

/* One line for a reason's slug; NULL: its words say it already, or nothing can be done here. */
const char *hint_for(const char *slug);

#endif
