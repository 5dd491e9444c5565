/* System V semaphores: a set stays in the kernel. usage: system_v_sem plain|undo     undo: one is held by SEM_UNDO */
#include "victim.h"
#include <sys/ipc.h>
#include <sys/sem.h>

int main(int argc, char **argv)
{
	int undo = argc > 1 && strcmp(argv[1], "undo") == 0;
	int set = MUST(semget(IPC_PRIVATE, 2, 0600 | IPC_CREAT));
	MUST(semctl(set, 0, SETVAL, 3));
	MUST(semctl(set, 1, SETVAL, 1));
	struct sembuf take = { 0, -1, undo ? SEM_UNDO : 0 };
	MUST(semop(set, &take, 1));
	ready_and_wait();
	EQUAL(semctl(set, 0, GETVAL), 2);
	EQUAL(semctl(set, 1, GETVAL), 1);
	EQUAL(semctl(set, 0, IPC_RMID), 0);
	return finish();
}
