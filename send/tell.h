/* What sluice-send says on stderr while it runs: a line each, behind its name. */
#ifndef SLUICE_SEND_TELL_H
#define SLUICE_SEND_TELL_H

void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
