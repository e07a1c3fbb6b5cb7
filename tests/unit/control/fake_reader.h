/* Which fake journal the reader's functions read: a directory's name cannot say it. */
#ifndef FAKE_READER_H
#define FAKE_READER_H

struct journal;
extern struct journal *fake_reader_journal;

#endif
