/* CRC32C (Castagnoli, RFC 3720 appendix B.4), by the SSE4.2 instruction where the build has it. */
#ifndef SLUICE_BASE_CRC32C_H
#define SLUICE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC of `len` bytes, continuing from `crc` (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
