"""Lines that TensorFlow 2.21 writes to standard error.

Only `NEWS` means something to a user.
"""

AT_IMPORT = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795618539.919244    5431 port.cc:153] oneDNN custom operations are on. You may see slightly different numerical results due to floating-point round-off errors from different computation orders. To turn them off, set the environment variable `TF_ENABLE_ONEDNN_OPTS=0`.
"""  # noqa: E501
WITHOUT_GPU = b"""\
I0000 00:00:1795618539.919707    5431 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
E0000 00:00:1795618541.966386    5431 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)
"""  # noqa: E501
IN_TRAINING = b"""\
W0000 00:00:1795358424.312083   20085 local_rendezvous.cc:412] Local rendezvous is aborting with status: ABORTED: Cleanup 9080 [type.googleapis.com/tensorflow.DerivedStatus='']
W0000 00:00:1795618971.478741   10184 local_rendezvous.cc:412] Local rendezvous is aborting with status: CANCELLED: TakeGrad operation was cancelled
\t [[{{node sync_replicas/ResourceAccumulatorTakeGradient_18}}]] [type.googleapis.com/tensorflow.DerivedStatus='']
W0000 00:00:1795618971.479300   10374 grpc_worker_service.cc:536] RecvTensor cancelled for 61055286384092772
W0000 00:00:1795638014.050708   30278 local_rendezvous.cc:412] Local rendezvous is aborting with status: ABORTED: Stopping remaining executors. [type.googleapis.com/tensorflow.DerivedStatus='']
W0000 00:00:1795638015.051475   31121 local_rendezvous.cc:412] Local rendezvous is aborting with status: ABORTED: Step 55580979746355117 cancelled.  Cancelling rendezvous. [type.googleapis.com/tensorflow.DerivedStatus='']
"""  # noqa: E501
WHEN_A_PEER_IS_LOST = b"""\
E0000 00:00:1795658865.483970   20067 ring_alg.cc:291] Aborting RingReduce with UNAVAILABLE: recvmsg:Connection reset by peer
Additional GRPC error information from remote target /job:worker/replica:0/task:1 while calling /tensorflow.WorkerService/RecvBuf:
:UNKNOWN:Error received from peer  {grpc_status:14, grpc_message:"recvmsg:Connection reset by peer"}
E0000 00:00:1795658955.264280   21936 base_collective_executor.cc:252] BaseCollectiveExecutor::StartAbort UNAVAILABLE: Error reported from /job:worker/task:1: The following tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed. Check the task logs for an earlier error, or scheduler events (e.g. preemption, eviction) to debug further. [type.googleapis.com/tensorflow.CoordinationServiceError='\\"\\n\\n\\x06worker\\x10\\x01']
W0000 00:00:1795658997.404694   22829 local_rendezvous.cc:412] Local rendezvous is aborting with status: DEADLINE_EXCEEDED: Collective ops is aborted by: Deadline Exceeded

RPC: /tensorflow.CoordinationService/Heartbeat
The error could be from a previous operation. Restart your program to reset.
\t [[{{node CollectiveReduceV2}}]] [type.googleapis.com/tensorflow.DerivedStatus='']
"""  # noqa: E501
NEWS = b"""\
W0000 00:00:1795358424.312083   20085 local_rendezvous.cc:412] Local rendezvous is aborting with status: CANCELLED: all is lost
W0000 00:00:1795638014.050708   30278 local_rendezvous.cc:412] Local rendezvous is aborting with status: ABORTED: Step 3 failed. Cancelling rendezvous.
\t [[{{node sync_replicas/AccumulatorTakeGradient}}]]
E0000 00:00:1795618541.966386    5431 cuda_dnn.cc:52] no cuDNN
\ta line that begins as the second line of a message does
free(): invalid pointer
"""  # noqa: E501
