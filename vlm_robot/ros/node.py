"""The lifecycle node: loads the models, looks at the cameras, serves requests."""

from __future__ import annotations

import gc
import traceback
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from vlm_robot.detection.prompts import prompt_set
from vlm_robot.messages import NODE_NAME
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.perception import Perception
from vlm_robot.ros.diagnostics import camera_report, diagnostics_msg, model_report
from vlm_robot.ros.parameters import SettingsParameters
from vlm_robot.ros.pipeline import Pipeline
from vlm_robot.ros.plans import Plans
from vlm_robot.ros.requests import NotActiveError, Requests
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.ros.steady_executor import SteadyExecutor
from vlm_robot.settings import Settings
from vlm_robot.types import InputError

POLL_SECONDS = 1.0
SPARE_THREADS = 8
"""Executor threads beyond those that may wait for requests, so that topics never wait."""


class PerceptionNode(LifecycleNode):
    """Configure loads and warms up the models, activate starts, cleanup frees the memory.

    Args:
        load: makes the skills from settings; tests pass their own.
        arguments: to rclpy's node, such as `parameter_overrides`.

    Raises:
        InputError: a parameter given at the start is wrong.
    """

    def __init__(self, *, load: Any = Perception.load, **arguments: Any) -> None:
        super().__init__(NODE_NAME, **arguments)
        self._load = load
        self._pipeline: Pipeline | None = None
        self._lifecycle_state = "unconfigured"
        self._slow_log = SlowLog(self.get_logger())
        self._setting_parameters = SettingsParameters(
            self, is_configured=lambda: self._pipeline is not None, on_change=self._change
        )
        self._requests = Requests(
            self,
            pipeline=self._active_pipeline,
            settings=lambda: self.settings,
            on_prompts=self._keep_prompts,
        )
        self._plans = Plans(self, self._requests, self._slow_log)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        group = MutuallyExclusiveCallbackGroup()
        # Steady: a simulated clock that stands still must not blind the node.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(POLL_SECONDS, self._poll, callback_group=group, clock=steady)

    @property
    def settings(self) -> Settings:
        """The settings now."""
        return self._setting_parameters.settings

    def make_executor(self) -> SteadyExecutor:
        """An executor of this node: a thread for each request that may wait, some to spare."""
        executor = SteadyExecutor(num_threads=self.settings.request_queue + SPARE_THREADS)
        executor.add_node(self)
        return executor

    def start(self) -> bool:
        """Configure and activate, as a lifecycle manager would. Returns whether both went well."""
        success = TransitionCallbackReturn.SUCCESS
        return bool(self.trigger_configure() == success and self.trigger_activate() == success)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the models."""
        try:
            self._pipeline = self._loaded_pipeline()
        except (ModelError, InputError) as error:
            self.get_logger().error(f"configure failed: {error}")
        except Exception as error:  # noqa: BLE001 - rclpy would swallow it without a word
            self._tell_fault("configure", error)
        if self._pipeline is None:
            self.close()  # only here: the traceback held what was loaded
            return TransitionCallbackReturn.FAILURE
        self._lifecycle_state = "inactive"
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start looking at the cameras."""
        result = super().on_activate(state)
        try:
            if self._pipeline is not None:
                self._pipeline.activate()
        except Exception as error:
            self._tell_fault("activate", error)
            raise
        self._lifecycle_state = "active"
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop work, keep the models."""
        if self._pipeline is not None:
            self._pipeline.deactivate()
        self._lifecycle_state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the models' memory."""
        self.close()
        self._lifecycle_state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End."""
        self.close()
        self._lifecycle_state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin anew after a transition that failed halfway: nothing runs, nothing is loaded."""
        return self.on_cleanup(state)

    def close(self) -> bool:
        """Stop the inference thread. Returns whether it has ended."""
        pipeline, self._pipeline = self._pipeline, None
        ended = pipeline is None or pipeline.close()
        del pipeline
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return ended

    def _loaded_pipeline(self) -> Pipeline:
        settings = self.settings
        self.get_logger().info(f"loading detector '{settings.detector}'")
        perception = self._load(settings)
        seconds = perception.warm_up()
        info = perception.detector.info
        self.get_logger().info(
            f"{info.name} on {info.device} in {info.dtype}: warmed up in {seconds:.2f} s"
        )
        return Pipeline(self, settings, perception, self._slow_log)

    def _tell_fault(self, transition: str, error: Exception) -> None:
        self.get_logger().error(
            f"{transition} failed: {type(error).__name__}: {error}\n{traceback.format_exc()}"
        )

    def _active_pipeline(self) -> Pipeline:
        if self._pipeline is None or not self._pipeline.active:
            raise NotActiveError(
                f"the node is {self._lifecycle_state}: activate it first,"
                " `ros2 lifecycle set /vlm_robot activate`"
            )
        return self._pipeline

    def _change(self, old: Settings, new: Settings) -> None:
        """Refuse what the model couldn't take, then apply."""
        pipeline = self._pipeline
        prompt_set(
            new.prompts,
            threshold=new.threshold,
            thresholds=new.prompt_thresholds,
            exemplars=pipeline.perception.prompts.exemplars if pipeline else (),
        )
        if pipeline is not None:
            pipeline.apply(new)

    def _keep_prompts(self, phrases: tuple[str, ...], thresholds: tuple[float, ...]) -> None:
        result = self.set_parameters_atomically(
            [
                Parameter("prompts", Parameter.Type.STRING_ARRAY, list(phrases)),
                Parameter("prompt_thresholds", Parameter.Type.DOUBLE_ARRAY, list(thresholds)),
            ]
        )
        if not result.successful:
            self.get_logger().warning(f"parameter `prompts` keeps the old ones: {result.reason}")

    def _poll(self) -> None:
        self._plans.poll()
        pipeline = self._pipeline
        if pipeline is None:
            reports = [model_report(self._lifecycle_state, None, None)]
        else:
            pipeline.poll()
            reports = [model_report(self._lifecycle_state, pipeline.perception, pipeline.inference)]
            complaints = self._slow_log.complaints
            reports += [
                camera_report(name, counts, complaints)
                for name, counts in pipeline.scheduler.counts().items()
            ]
        self._diagnostics.publish(diagnostics_msg(self, reports))
