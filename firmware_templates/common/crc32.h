/* CRC-32 as in IEEE 802.3, zlib.crc32 and PNG: reflected polynomial 0xEDB88320. Twin: zlib.crc32 in tinyml/device. */
#ifndef TML_CRC32_H
#define TML_CRC32_H

#include <stdint.h>

#define TML_CRC32_START 0xFFFFFFFFu

/* Folds one byte into a running state; the checksum is the complement of the last state. */
uint32_t tml_crc32_byte(uint32_t state, uint8_t byte);

#endif
