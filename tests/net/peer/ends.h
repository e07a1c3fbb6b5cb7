/* An end of a wire: frames in and out of a TAP interface, by a file descriptor. */
#ifndef TESTS_NET_PEER_ENDS_H
#define TESTS_NET_PEER_ENDS_H

#define FRAME_MAX 9216

/*
 * Opens what `text` says, in the network namespace of this process or in the one whose file is
 * named after the @; exits with a message where that cannot be. The descriptor does not block.
 *
 *     tap:NAME[@FILE]     makes the interface NAME, and is its wire
 *     packet:NAME[@FILE]  the interface NAME that another program is the wire of (sluiced): takes
 *                         what that program sends, and is for it who sends through the interface
 */
int end_open(const char *text);

#endif
